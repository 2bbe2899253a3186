/// The Bitcoin bridge of the demo fleet: unspent outputs, block headers in stable memory, and a timer that follows the chain.

import List "mo:core/List";
import Map "mo:core/Map";
import Nat "mo:core/Nat";
import Nat64 "mo:core/Nat64";
import Principal "mo:core/Principal";
import Region "mo:core/Region";
import Runtime "mo:core/Runtime";
import Text "mo:core/Text";
import Timer "mo:core/Timer";

persistent actor BitcoinIntegration {
  public type Utxo = { outpoint : Text; address : Text; value_sats : Nat64; height : Nat64; confirmations : Nat64 };
  public type Header = { height : Nat64; hash : Nat64; previous : Nat64; bits : Nat64 };
  public type Health = {
    canister_id : Principal;
    healthy : Bool;
    tip_height : Nat64;
    utxos : Nat;
    polls : Nat;
    problem : ?Text;
  };

  let firstHeight : Nat64 = 840_000;
  let headerBytes : Nat64 = 24;
  let pageBytes : Nat64 = 65_536;

  let utxos = Map.empty<Text, Utxo>();
  var value : Nat64 = 0;
  let headers = Region.new();
  var headerCount : Nat64 = 0;
  var polls = 0;

  func next(seed : Nat64) : Nat64 { seed *% 6_364_136_223_846_793_005 +% 1_442_695_040_888_963_407 };

  // Small numbers turn into text without arithmetic on large ones.
  func shortText(random : Nat64) : Text { Nat64.toText(random >> 34) };

  func tip() : Nat64 { firstHeight + headerCount };

  func load(index : Nat64) : Header {
    let offset = index * headerBytes;
    {
      height = firstHeight + index;
      hash = Region.loadNat64(headers, offset);
      previous = Region.loadNat64(headers, offset + 8);
      bits = Region.loadNat64(headers, offset + 16);
    };
  };

  func extend() {
    let offset = headerCount * headerBytes;
    if (offset + headerBytes > Region.size(headers) * pageBytes) {
      if (Region.grow(headers, 1) == 0xFFFF_FFFF_FFFF_FFFF) { Runtime.trap("stable memory is full") };
    };
    let previous = if (headerCount == 0) { 0 : Nat64 } else { load(headerCount - 1).hash };
    Region.storeNat64(headers, offset, next(previous +% headerCount));
    Region.storeNat64(headers, offset + 8, previous);
    Region.storeNat64(headers, offset + 16, 0x1703_4219);
    headerCount += 1;
  };

  /// Follow the chain by one header; the timer does this every minute.
  func poll() : async () {
    polls += 1;
    extend();
  };

  transient let _follower = Timer.recurringTimer<system>(#seconds 60, poll);

  /// Append `count` block headers; returns the tip's height.
  public func sync_headers(count : Nat) : async Nat64 {
    for (_ in Nat.range(0, count)) { extend() };
    tip();
  };

  /// Index `count` unspent outputs derived from `seed`; returns how many there are now.
  public func index_utxos(count : Nat, seed : Nat64) : async Nat {
    var random = seed;
    for (_ in Nat.range(0, count)) {
      random := next(random);
      let size = Map.size(utxos);
      let outpoint = shortText(random) # shortText(next(random)) # ":" # Nat.toText(size);
      let value_sats = random >> 36;
      Map.add(utxos, Text.compare, outpoint, {
        outpoint;
        address = "bc1q" # shortText(next(random));
        value_sats;
        height = firstHeight + random % 50_000;
        confirmations = 1 + random % 500;
      });
      value += value_sats;
    };
    Map.size(utxos);
  };

  public query func get_header(height : Nat64) : async ?Header {
    if (height < firstHeight or height >= tip()) { return null };
    ?load(height - firstHeight);
  };

  public query func list_utxos(limit : Nat) : async [Utxo] {
    let page = List.empty<Utxo>();
    label page_full for (utxo in Map.values(utxos)) {
      if (List.size(page) >= limit) { break page_full };
      List.add(page, utxo);
    };
    List.toArray(page);
  };

  public query func utxo_count() : async Nat { Map.size(utxos) };

  public query func total_value_sats() : async Nat64 { value };

  func problem() : ?Text {
    var sum : Nat64 = 0;
    for (utxo in Map.values(utxos)) { sum += utxo.value_sats };
    if (sum != value) { return ?"the unspent outputs differ from their total value" };
    var previous : Nat64 = 0;
    var index : Nat64 = 0;
    while (index < headerCount) {
      let header = load(index);
      if (header.previous != previous) { return ?("the header at " # Nat64.toText(header.height) # " does not follow its parent") };
      previous := header.hash;
      index += 1;
    };
    null;
  };

  public query func health() : async Health {
    let found = problem();
    {
      canister_id = Principal.fromActor(BitcoinIntegration);
      healthy = found == null;
      tip_height = tip();
      utxos = Map.size(utxos);
      polls;
      problem = found;
    };
  };

  /// Damage for drills: overwrite the hashes of the first `count` headers, as a reorganisation handled wrongly would.
  public shared ({ caller }) func corrupt(count : Nat) : async Nat {
    if (not Principal.isController(caller)) { Runtime.trap("only a controller may do this") };
    for (index in Nat.range(0, Nat.min(count, Nat64.toNat(headerCount)))) {
      Region.storeNat64(headers, Nat64.fromNat(index) * headerBytes, 0xDEAD);
    };
    value += 1;
    Nat.min(count, Nat64.toNat(headerCount));
  };
};
