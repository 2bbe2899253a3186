/// The rune engine of the demo fleet: virtual runes and their balances on the heap, settlements in stable memory.

import Int "mo:core/Int";
import List "mo:core/List";
import Nat "mo:core/Nat";
import Nat64 "mo:core/Nat64";
import Principal "mo:core/Principal";
import Region "mo:core/Region";
import Runtime "mo:core/Runtime";
import Time "mo:core/Time";

persistent actor RuneEngine {
  public type VirtualRune = {
    id : Nat;
    name : Text;
    symbol : Text;
    divisibility : Nat8;
    premine : Nat;
    supply : Nat;
    creator : Principal;
    created_at : Nat64;
    status : { #virtual; #etching; #etched };
  };
  public type Settlement = { rune : Nat64; amount : Nat64; block_height : Nat64; fee : Nat64 };
  public type Health = { canister_id : Principal; healthy : Bool; runes : Nat; settlements : Nat; problem : ?Text };
  public type State = {
    version : Nat;
    exported_at : Nat64;
    runes : [VirtualRune];
    total_supply : Nat;
    settlements : Nat;
    digest : Nat64;
  };

  let settlementBytes : Nat64 = 32;
  let pageBytes : Nat64 = 65_536;

  let runes = List.empty<VirtualRune>();
  var etchedCount = 0;
  var totalSupply = 0;
  let settlements = Region.new();
  var settlementCount = 0;
  var settledAmount : Nat64 = 0;

  func now() : Nat64 { Nat64.fromIntWrap(Time.now()) };

  func next(seed : Nat64) : Nat64 { seed *% 6_364_136_223_846_793_005 +% 1_442_695_040_888_963_407 };

  func requireController(caller : Principal) {
    if (not Principal.isController(caller)) { Runtime.trap("only a controller may do this") };
  };

  func add(rune : VirtualRune) {
    List.add(runes, rune);
    etchedCount += 1;
    totalSupply += rune.supply;
  };

  /// Etch one rune; returns its id.
  public shared ({ caller }) func etch_rune(name : Text, symbol : Text, premine : Nat) : async Nat {
    let id = etchedCount;
    add({
      id; name; symbol; divisibility = 8; premine; supply = premine;
      creator = caller; created_at = now(); status = #virtual;
    });
    id;
  };

  /// Etch `count` runes derived from `seed`; returns how many runes there are now.
  public shared ({ caller }) func etch_runes(count : Nat, seed : Nat64) : async Nat {
    var random = seed;
    for (_ in Nat.range(0, count)) {
      random := next(random);
      let id = etchedCount;
      let premine = Nat64.toNat(random >> 24);
      add({
        id;
        name = "QURI•RUNE•" # Nat.toText(id);
        symbol = "R" # Nat.toText(id);
        divisibility = 8;
        premine;
        supply = premine;
        creator = caller;
        created_at = now();
        status = if (random % 3 == 0) { #etched } else if (random % 3 == 1) { #etching } else { #virtual };
      });
    };
    etchedCount;
  };

  /// Mint `amount` more of a rune; returns its supply.
  public func mint(id : Nat, amount : Nat) : async Nat {
    let ?rune = List.get(runes, id) else Runtime.trap("there is no rune " # Nat.toText(id));
    let supply = rune.supply + amount;
    List.put(runes, id, { rune with supply });
    totalSupply += amount;
    supply;
  };

  /// Record `count` settlements in stable memory; returns how many there are now.
  public func settle(count : Nat, seed : Nat64) : async Nat {
    var random = seed;
    for (_ in Nat.range(0, count)) {
      random := next(random);
      let amount = random >> 32;
      write({ rune = random % Nat64.fromNat(Nat.max(etchedCount, 1)); amount; block_height = 840_000 + random % 50_000; fee = random % 10_000 });
      settledAmount +%= amount;
    };
    settlementCount;
  };

  func write(item : Settlement) {
    let offset = Nat64.fromNat(settlementCount) * settlementBytes;
    if (offset + settlementBytes > Region.size(settlements) * pageBytes) {
      if (Region.grow(settlements, 16) == 0xFFFF_FFFF_FFFF_FFFF) { Runtime.trap("stable memory is full") };
    };
    Region.storeNat64(settlements, offset, item.rune);
    Region.storeNat64(settlements, offset + 8, item.amount);
    Region.storeNat64(settlements, offset + 16, item.block_height);
    Region.storeNat64(settlements, offset + 24, item.fee);
    settlementCount += 1;
  };

  public query func get_rune(id : Nat) : async ?VirtualRune { List.get(runes, id) };

  public query func list_runes(offset : Nat, limit : Nat) : async [VirtualRune] {
    List.toArray(List.fromIter<VirtualRune>(List.range(runes, offset, Nat.min(offset + limit, List.size(runes)))));
  };

  public query func rune_count() : async Nat { List.size(runes) };

  public query func get_settlement(index : Nat) : async ?Settlement {
    if (index >= settlementCount) { return null };
    let offset = Nat64.fromNat(index) * settlementBytes;
    ?{
      rune = Region.loadNat64(settlements, offset);
      amount = Region.loadNat64(settlements, offset + 8);
      block_height = Region.loadNat64(settlements, offset + 16);
      fee = Region.loadNat64(settlements, offset + 24);
    };
  };

  public query func settlement_count() : async Nat { settlementCount };

  /// A number that changes with any rune, supply or settlement.
  public query func digest() : async Nat64 { digestNow() };

  func digestNow() : Nat64 {
    var value : Nat64 = 14_695_981_039_346_656_037;
    func mix(number : Nat64) { value := (value ^ number) *% 1_099_511_628_211 };
    for (rune in List.values(runes)) {
      mix(Nat64.fromIntWrap(rune.id));
      mix(Nat64.fromIntWrap(rune.supply));
      mix(Nat64.fromIntWrap(rune.symbol.size()));
    };
    mix(Nat64.fromNat(settlementCount));
    mix(settledAmount);
    value;
  };

  func problem() : ?Text {
    if (List.size(runes) != etchedCount) {
      return ?(Nat.toText(etchedCount) # " runes were etched, " # Nat.toText(List.size(runes)) # " are there");
    };
    var sum = 0;
    for (rune in List.values(runes)) {
      if (rune.supply < rune.premine) { return ?("rune " # Nat.toText(rune.id) # " has less supply than its premine") };
      sum += rune.supply;
    };
    if (sum != totalSupply) { return ?("supplies differ from their total by " # Int.toText(sum - totalSupply)) };
    null;
  };

  /// Whether the books balance; the first thing an operator asks.
  public query func health() : async Health {
    let found = problem();
    {
      canister_id = Principal.fromActor(RuneEngine);
      healthy = found == null;
      runes = List.size(runes);
      settlements = settlementCount;
      problem = found;
    };
  };

  public query func get_metrics_summary() : async { runes : Nat; total_supply : Nat; settlements : Nat; settled_amount : Nat64 } {
    { runes = List.size(runes); total_supply = totalSupply; settlements = settlementCount; settled_amount = settledAmount };
  };

  /// Everything on the heap as one Candid value.
  public query func export_state() : async State {
    {
      version = 1;
      exported_at = now();
      runes = List.toArray(runes);
      total_supply = totalSupply;
      settlements = settlementCount;
      digest = digestNow();
    };
  };

  /// Damage for drills: empty the supply of the first `count` runes and lose the last one, as a bad migration would.
  public shared ({ caller }) func corrupt(count : Nat) : async Nat {
    requireController(caller);
    for (index in Nat.range(0, Nat.min(count, List.size(runes)))) {
      List.put(runes, index, { List.at(runes, index) with supply = 0; name = "" });
    };
    ignore List.removeLast(runes);
    totalSupply += 1;
    List.size(runes);
  };
};
