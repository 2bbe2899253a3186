/// The identity manager of the demo fleet: user profiles and sessions. Built for 32-bit memory with classical persistence.

import Map "mo:core/Map";
import Nat "mo:core/Nat";
import Nat64 "mo:core/Nat64";
import Principal "mo:core/Principal";
import Runtime "mo:core/Runtime";
import Text "mo:core/Text";
import Time "mo:core/Time";

persistent actor IdentityManager {
  public type Profile = {
    name : Text;
    owner : Principal;
    bitcoin_address : ?Text;
    reputation : Nat;
    sessions : Nat;
    created_at : Nat64;
  };
  public type Health = { canister_id : Principal; healthy : Bool; profiles : Nat; sessions : Nat; problem : ?Text };

  let profiles = Map.empty<Text, Profile>();
  var created = 0;
  var sessions = 0;

  func now() : Nat64 { Nat64.fromIntWrap(Time.now()) };

  func next(seed : Nat64) : Nat64 { seed *% 6_364_136_223_846_793_005 +% 1_442_695_040_888_963_407 };

  func add(profile : Profile) {
    if (not Map.insert(profiles, Text.compare, profile.name, profile)) { Runtime.trap("the name " # profile.name # " is taken") };
    created += 1;
    sessions += profile.sessions;
  };

  public shared ({ caller }) func create_profile(name : Text, bitcoin_address : ?Text) : async () {
    add({ name; owner = caller; bitcoin_address; reputation = 0; sessions = 0; created_at = now() });
  };

  /// Create `count` profiles derived from `seed`; returns how many there are now.
  public shared ({ caller }) func create_profiles(count : Nat, seed : Nat64) : async Nat {
    var random = seed;
    for (_ in Nat.range(0, count)) {
      random := next(random);
      add({
        name = "user-" # Nat.toText(created);
        owner = caller;
        bitcoin_address = if (random % 2 == 0) { ?("bc1p" # Nat64.toText(random >> 34)) } else { null };
        reputation = Nat64.toNat(random % 1_000);
        sessions = Nat64.toNat(random % 5);
        created_at = now();
      });
    };
    created;
  };

  /// Open a session; returns how many the user has.
  public func log_in(name : Text) : async Nat {
    let ?profile = Map.get(profiles, Text.compare, name) else Runtime.trap("there is no user " # name);
    Map.add(profiles, Text.compare, name, { profile with sessions = profile.sessions + 1 });
    sessions += 1;
    profile.sessions + 1;
  };

  public query func get_profile(name : Text) : async ?Profile { Map.get(profiles, Text.compare, name) };

  public query func profile_count() : async Nat { Map.size(profiles) };

  public query ({ caller }) func whoami() : async Principal { caller };

  func problem() : ?Text {
    if (Map.size(profiles) != created) {
      return ?(Nat.toText(created) # " profiles were created, " # Nat.toText(Map.size(profiles)) # " are there");
    };
    var sum = 0;
    for (profile in Map.values(profiles)) { sum += profile.sessions };
    if (sum != sessions) { return ?"the sessions of the profiles differ from their total" };
    null;
  };

  public query func health() : async Health {
    let found = problem();
    {
      canister_id = Principal.fromActor(IdentityManager);
      healthy = found == null;
      profiles = Map.size(profiles);
      sessions;
      problem = found;
    };
  };

  /// Damage for drills: forget all profiles but keep counting them, as a lost index would.
  public shared ({ caller }) func corrupt(_ : Nat) : async Nat {
    if (not Principal.isController(caller)) { Runtime.trap("only a controller may do this") };
    let lost = Map.size(profiles);
    Map.clear(profiles);
    created += 1;
    lost;
  };
};
