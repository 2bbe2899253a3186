/// The registry of the demo fleet: indexed runes, their metadata and bonding curves.

import Array "mo:core/Array";
import Float "mo:core/Float";
import Map "mo:core/Map";
import Nat "mo:core/Nat";
import Nat64 "mo:core/Nat64";
import Principal "mo:core/Principal";
import Runtime "mo:core/Runtime";
import Text "mo:core/Text";
import Time "mo:core/Time";

persistent actor Registry {
  public type BondingCurve = {
    base_price_sats : Nat64;
    slope : Float;
    reserve_sats : Nat;
    tokens_sold : Nat;
    graduated : Bool;
  };
  public type Entry = {
    ticker : Text;
    name : Text;
    owner : Principal;
    engine_rune_id : ?Nat;
    block_height : Nat64;
    curve : BondingCurve;
    registered_at : Nat64;
  };
  public type Health = { canister_id : Principal; healthy : Bool; entries : Nat; reserve_sats : Nat; problem : ?Text };
  public type State = { version : Nat; exported_at : Nat64; entries : [Entry]; reserve_sats : Nat };

  let entries = Map.empty<Text, Entry>();
  var registered = 0;
  var reserve = 0;

  func now() : Nat64 { Nat64.fromIntWrap(Time.now()) };

  func next(seed : Nat64) : Nat64 { seed *% 6_364_136_223_846_793_005 +% 1_442_695_040_888_963_407 };

  func add(entry : Entry) {
    if (Map.insert(entries, Text.compare, entry.ticker, entry)) { registered += 1 };
    reserve += entry.curve.reserve_sats;
  };

  /// Register one rune; traps where the ticker is taken.
  public shared ({ caller }) func register(ticker : Text, name : Text, base_price_sats : Nat64) : async () {
    if (Map.containsKey(entries, Text.compare, ticker)) { Runtime.trap("the ticker " # ticker # " is taken") };
    add({
      ticker; name; owner = caller; engine_rune_id = null; block_height = 840_000;
      curve = { base_price_sats; slope = 0.0001; reserve_sats = 0; tokens_sold = 0; graduated = false };
      registered_at = now();
    });
  };

  /// Register `count` runes derived from `seed`; returns how many entries there are now.
  public shared ({ caller }) func register_many(count : Nat, seed : Nat64) : async Nat {
    var random = seed;
    for (_ in Nat.range(0, count)) {
      random := next(random);
      let ticker = "T" # Nat.toText(registered);
      let reserve_sats = Nat64.toNat(random >> 40);
      add({
        ticker;
        name = "QURI•RUNE•" # Nat.toText(registered);
        owner = caller;
        engine_rune_id = ?registered;
        block_height = 840_000 + random % 50_000;
        curve = {
          base_price_sats = random % 1_000;
          slope = Float.fromInt(Nat64.toNat(random % 97)) / 1_000_000.0;
          reserve_sats;
          tokens_sold = reserve_sats / 3;
          graduated = reserve_sats > 10_000_000;
        };
        registered_at = now();
      });
    };
    registered;
  };

  /// Buy along a curve; returns the new reserve of that rune.
  public func buy(ticker : Text, sats : Nat) : async Nat {
    let ?entry = Map.get(entries, Text.compare, ticker) else Runtime.trap("there is no ticker " # ticker);
    let reserve_sats = entry.curve.reserve_sats + sats;
    let curve = { entry.curve with reserve_sats; tokens_sold = entry.curve.tokens_sold + sats / 3 };
    Map.add(entries, Text.compare, ticker, { entry with curve });
    reserve += sats;
    reserve_sats;
  };

  public query func get_entry(ticker : Text) : async ?Entry { Map.get(entries, Text.compare, ticker) };

  public query func list_entries(from_ticker : Text, limit : Nat) : async [Entry] {
    let found = Map.entriesFrom(entries, Text.compare, from_ticker);
    let page = Map.empty<Text, Entry>();
    label page_full for ((ticker, entry) in found) {
      if (Map.size(page) >= limit) { break page_full };
      Map.add(page, Text.compare, ticker, entry);
    };
    values(page);
  };

  func values(of : Map.Map<Text, Entry>) : [Entry] {
    let iterator = Map.values(of);
    Array.tabulate<Entry>(
      Map.size(of),
      func(_) {
        let ?entry = iterator.next() else Runtime.unreachable();
        entry;
      },
    );
  };

  public query func entry_count() : async Nat { Map.size(entries) };

  func problem() : ?Text {
    if (Map.size(entries) != registered) {
      return ?(Nat.toText(registered) # " runes were registered, " # Nat.toText(Map.size(entries)) # " are there");
    };
    var sum = 0;
    for ((ticker, entry) in Map.entries(entries)) {
      if (entry.curve.slope < 0.0) { return ?("the bonding curve of " # ticker # " falls") };
      sum += entry.curve.reserve_sats;
    };
    if (sum != reserve) { return ?"the reserves of the curves differ from their total" };
    null;
  };

  public query func health() : async Health {
    let found = problem();
    {
      canister_id = Principal.fromActor(Registry);
      healthy = found == null;
      entries = Map.size(entries);
      reserve_sats = reserve;
      problem = found;
    };
  };

  /// Everything as one Candid value.
  public query func export_state() : async State {
    { version = 1; exported_at = now(); entries = values(entries); reserve_sats = reserve };
  };

  /// Damage for drills: turn the curves of the first `count` entries upside down and drain their reserves.
  public shared ({ caller }) func corrupt(count : Nat) : async Nat {
    if (not Principal.isController(caller)) { Runtime.trap("only a controller may do this") };
    var left = count;
    for ((ticker, entry) in Map.entries(Map.clone(entries))) {
      if (left > 0) {
        let curve = { entry.curve with slope = -1.0; reserve_sats = 0 };
        Map.add(entries, Text.compare, ticker, { entry with curve });
        left -= 1;
      };
    };
    registered += 1;
    count - left : Nat;
  };
};
