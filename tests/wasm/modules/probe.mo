/// A canister for tests of the execution room and of all that stands on it.

import Blob "mo:core/Blob";
import Debug "mo:core/Debug";
import Error "mo:core/Error";
import List "mo:core/List";
import Nat "mo:core/Nat";
import Nat64 "mo:core/Nat64";
import Principal "mo:core/Principal";
import Region "mo:core/Region";
import Runtime "mo:core/Runtime";
import Timer "mo:core/Timer";
import VarArray "mo:core/VarArray";

persistent actor Probe {
  var counter = 0;
  let filler = List.empty<[var Nat8]>();
  let region = Region.new();
  var ticks = 0;

  public func increment() : async Nat { counter += 1; counter };

  public query func read() : async Nat { counter };

  /// A query that changes its own state and allocates: none of it may stay.
  public query func scribble(kilobytes : Nat) : async Nat {
    counter += 1;
    List.add(filler, VarArray.repeat<Nat8>(7, kilobytes * 1024));
    counter;
  };

  public func trap_after_writing() : async () {
    counter += 1_000;
    Runtime.trap("on purpose");
  };

  /// Counts up, calls itself, counts up again after the answer.
  public func twice() : async Nat {
    counter += 1;
    let between = await increment();
    counter += 1;
    between;
  };

  /// The state before the await stays, what follows the trap does not.
  public func trap_after_await() : async Nat {
    counter += 10;
    ignore await increment();
    counter += 100;
    Runtime.trap("after the await");
  };

  public func catch_reject(other : Principal, method : Text) : async Text {
    let _ = method;
    let peer = actor (Principal.toText(other)) : actor { increment : () -> async Nat };
    try { Nat.toText(await peer.increment()) } catch (error) { Error.message(error) };
  };

  public composite query func read_through(other : Principal) : async Nat {
    let peer = actor (Principal.toText(other)) : actor { read : query () -> async Nat };
    counter += 5;
    (await peer.read()) + counter;
  };

  /// Never answers: the peer that it waits for never does.
  public func wait_for(other : Principal) : async () {
    let peer = actor (Principal.toText(other)) : actor { wait : () -> async () };
    await peer.wait();
  };

  public func fill(kilobytes : Nat, value : Nat8) : async Nat {
    List.add(filler, VarArray.repeat<Nat8>(value, kilobytes * 1024));
    List.size(filler);
  };

  public func log(message : Text) : async () { Debug.print(message) };

  public func store(offset : Nat64, content : Blob) : async Nat64 {
    let needed = (offset + Nat64.fromNat(Blob.size(content)) + 65_535) / 65_536;
    if (needed > Region.size(region)) { ignore Region.grow(region, needed - Region.size(region)) };
    Region.storeBlob(region, offset, content);
    Region.size(region);
  };

  public query func load(offset : Nat64, size : Nat) : async Blob { Region.loadBlob(region, offset, size) };

  public func start_ticking(seconds : Nat) : async () {
    ignore Timer.recurringTimer<system>(#seconds seconds, func() : async () { ticks += 1 });
  };

  public query func tick_count() : async Nat { ticks };
};
