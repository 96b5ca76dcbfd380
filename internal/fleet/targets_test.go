package fleet_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/panoplysec/panoply/internal/fleet"
)

func TestRead(t *testing.T) {
	list, err := fleet.Read(strings.NewReader("\ufeff# all of ours\n\n" +
		"shop.example:443\r\n" +
		"  203.0.113.7:8443   shop.example  # behind the balancer\n" +
		"[2001:db8::1]:443\n" +
		"[fe80::1%eth0]:443\n" +
		"https://shop.example/cart?x=1#top\n" +
		":3000\n" +
		"SHOP.example:443\n" + // the third line's
		"https://shop.example:443/cart?x=1\n" +
		"203.0.113.7:8443 www.example"))
	if err != nil {
		t.Fatal(err)
	}
	want := []fleet.Target{
		{Line: 3, Address: "shop.example:443"}, {Line: 4, Address: "203.0.113.7:8443", Name: "shop.example"}, {Line: 5, Address: "[2001:db8::1]:443"},
		{Line: 6, Address: "[fe80::1%eth0]:443"}, {Line: 7, Address: "https://shop.example/cart?x=1#top"}, {Line: 8, Address: "localhost:3000"},
		{Line: 11, Address: "203.0.113.7:8443", Name: "www.example"},
	}
	if !reflect.DeepEqual(list.Targets, want) {
		t.Errorf("Read = %v,\nwant %v", list.Targets, want)
	}
	if twice := []int{9, 10}; !reflect.DeepEqual(list.Twice, twice) {
		t.Errorf("Twice = %v, want %v", list.Twice, twice)
	}
}

func TestReadTellsAllThatIsWrong(t *testing.T) {
	for _, tc := range []struct{ name, list, want string }{
		{"no port", "shop.example", `line 1: "shop.example": want HOST:PORT`},
		{"port 0", "shop.example:0", `line 1: "shop.example:0"`},
		{"port too large", "https://shop.example:70000", "a port from 1 to 65535"},
		{"scheme", "ftp://shop.example", "want an http or https address"},
		{"password", "https://me:secret@shop.example", "user name or password"},
		{"words", "a:1 b c", "3 words"},
		{"name", "a:1 b/c", `"b/c": no server name`},
		{"folder", ".", "a folder"},
		{"control characters", "a:1 \x1b[2J", "not printable"},
		{"bytes", "a:1\xff", "not UTF-8"},
		{"long", "a:1\n" + strings.Repeat("x", 5000), "line 2: longer than 4096 bytes"},
		{"empty", "# nothing\n\n", "no target"},
		{"each line", "a\nb:1\nc\n", `line 1: "a": want HOST:PORT or an address that begins with https://` + "\n" + `line 3: "c"`},
		{"many", strings.Repeat("x\n", 30), "and 10 lines more"},
	} {
		list, err := fleet.Read(strings.NewReader(tc.list))
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want %q", tc.name, err, tc.want)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: the error tells a password: %v", tc.name, err)
		}
		_ = list
	}
	var many strings.Builder
	for i := range fleet.MaxTargets + 1 {
		fmt.Fprintf(&many, "h%d:1\n", i)
	}
	if _, err := fleet.Read(strings.NewReader(many.String())); err == nil || !strings.Contains(err.Error(), "split the list") {
		t.Errorf("too many targets: %v", err)
	}
}

// FuzzRead holds that whatever is taken can be written and read again as the same.
func FuzzRead(f *testing.F) {
	for _, s := range []string{"a:1\n", "https://a/ b # c", ":1", "[::1]:2 x.y", "a:1 b\na:1 B\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		list, err := fleet.Read(strings.NewReader(text))
		if err != nil {
			return
		}
		var again strings.Builder
		for _, x := range list.Targets {
			fmt.Fprintln(&again, x.Address, x.Name)
		}
		second, err := fleet.Read(strings.NewReader(again.String()))
		if err != nil || len(second.Targets) != len(list.Targets) || len(second.Twice) > 0 {
			t.Fatalf("%q became %q: %v", text, again.String(), err)
		}
		for i, x := range second.Targets {
			if x.Line = list.Targets[i].Line; x != list.Targets[i] {
				t.Fatalf("%v became %v", list.Targets[i], x)
			}
		}
	})
}
