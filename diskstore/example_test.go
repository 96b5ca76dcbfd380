package diskstore_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/panoplysec/panoply/diskstore"
	"github.com/panoplysec/panoply/session"
)

func Example() {
	folder, err := os.MkdirTemp("", "shop")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(folder)
	store, err := diskstore.Open(diskstore.Options{Path: filepath.Join(folder, "sessions.db")})
	if err != nil {
		panic(err)
	}
	defer store.Close()
	type account struct{ User string }
	_, err = session.New[account](session.Options{Store: store, Keys: [][]byte{[]byte("32 random bytes, the same always")}})
	fmt.Println(err)
	// Output: <nil>
}

func ExampleStore_Bucket() {
	folder, err := os.MkdirTemp("", "shop")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(folder)
	store, err := diskstore.Open(diskstore.Options{Path: filepath.Join(folder, "state.db")})
	if err != nil {
		panic(err)
	}
	defer store.Close()
	ctx := context.Background()
	blocks := store.Bucket("blocked")
	if err := blocks.Set(ctx, "198.51.100.7", []byte("100 failures"), 15*time.Minute); err != nil {
		panic(err)
	}
	why, ok, err := blocks.Get(ctx, "198.51.100.7")
	fmt.Println(string(why), ok, err)
	// Output: 100 failures true <nil>
}
