package cookie_test

import (
	"fmt"
	"log"

	"github.com/panoplysec/panoply/cookie"
)

func ExampleSealer() {
	oldKey, newKey := []byte("0123456789abcdef0123456789abcdef"), []byte("fedcba9876543210fedcba9876543210")

	before, err := cookie.NewSealer(cookie.SealerOptions{Keys: [][]byte{oldKey}, Use: "session"})
	if err != nil {
		log.Fatal(err)
	}
	value := string(before.Seal(nil, "__Host-sid", []byte(`{"user":7}`)))
	fmt.Println(len(value) == cookie.SealedLen(len(`{"user":7}`)))

	// A year later the key was rotated.
	after, err := cookie.NewSealer(cookie.SealerOptions{Keys: [][]byte{newKey, oldKey}, Use: "session"})
	if err != nil {
		log.Fatal(err)
	}
	plain, key, ok := after.Open(nil, "__Host-sid", value)
	fmt.Println(string(plain), key, ok)
	if key > 0 {
		value = string(after.Seal(nil, "__Host-sid", plain))
	}
	_, key, ok = after.Open(nil, "__Host-sid", value)
	fmt.Println(key, ok)

	_, _, ok = after.Open(nil, "__Host-other", value)
	fmt.Println(ok)
	// Output:
	// true
	// {"user":7} 1 true
	// 0 true
	// false
}
