package login_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/panoplysec/panoply/limit"
	"github.com/panoplysec/panoply/login"
)

func TestOperate(t *testing.T) {
	s := shield(t, login.Options{})
	ctx := t.Context()
	addr := netip.MustParseAddr("203.0.113.7")
	guesses(t, s, 12, "alice", addr.String())

	blocked, err := s.Blocked(ctx)
	if err != nil || len(blocked) != 1 || blocked[0].Policy != "user-ip" || blocked[0].ByHand || blocked[0].Strikes != 1 || blocked[0].For > time.Hour {
		t.Fatalf("Blocked = %+v, %v, want the pair for an hour", blocked, err)
	}
	standings, err := s.Standings(ctx, login.Who{User: "Alice", Addr: addr})
	if err != nil || len(standings) != 3 {
		t.Fatalf("Standings = %+v, %v, want ip, user and user-ip", standings, err)
	}
	found := false
	for _, one := range standings {
		if one.Policy == "ip" && one.Consumed != 10 {
			t.Errorf("of the address %d are counted, want 10", one.Consumed)
		}
		found = found || one.ID == blocked[0].ID && one.Blocked
	}
	if !found {
		t.Errorf("no standing of %+v has the id of the block", standings)
	}

	if ok, err := s.UnblockID(ctx, blocked[0].ID); !ok || err != nil {
		t.Errorf("UnblockID = %v, %v", ok, err)
	}
	if _, err := s.UnblockID(ctx, "not an id"); err == nil {
		t.Error("UnblockID of no id, want an error")
	}
	forgotten, err := s.Unblock(ctx, login.Who{User: "alice", Addr: addr})
	if err != nil || len(forgotten) != 2 {
		t.Errorf("Unblock = %v, %v, want ip and user", forgotten, err)
	}
	if n := guesses(t, s, 3, "alice", addr.String()); n != 3 {
		t.Errorf("%d guesses after Unblock, want 3", n)
	}

	for _, c := range []struct {
		user string
		addr netip.Addr
		// who is refused: alice from 7, alice from 8, bob from 7
		want [3]bool
	}{
		{"alice", addr, [3]bool{true, false, false}},
		{"", addr, [3]bool{true, false, true}},
		{"alice", netip.Addr{}, [3]bool{true, true, false}},
	} {
		s := shield(t, login.Options{})
		if err := s.Block(ctx, login.Who{User: c.user, Addr: c.addr}, limit.Forever); err != nil {
			t.Fatal(err)
		}
		got := [3]bool{!guess(t, s, "alice", "203.0.113.7"), !guess(t, s, "alice", "203.0.113.8"), !guess(t, s, "bob", "203.0.113.7")}
		if got != c.want {
			t.Errorf("Block(%q, %v) refuses %v, want %v", c.user, c.addr, got, c.want)
		}
		blocked, err := s.Blocked(ctx)
		if err != nil || len(blocked) != 1 || !blocked[0].ByHand || blocked[0].For != limit.Forever {
			t.Errorf("Blocked = %+v, %v", blocked, err)
		}
	}
	if err := s.Block(ctx, login.Who{}, time.Hour); err == nil {
		t.Error("Block of nobody, want an error")
	}
}
