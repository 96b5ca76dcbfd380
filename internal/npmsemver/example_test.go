package npmsemver_test

import (
	"fmt"

	"github.com/panoplysec/panoply/internal/npmsemver"
)

func Example() {
	r, err := npmsemver.ParseRange("^4.16.0 || >=5.0.0-beta.1 <5.0.0", npmsemver.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, text := range []string{"4.21.2", "4.22.0-rc.1", "5.0.0-beta.3", "5.0.0"} {
		v, err := npmsemver.Parse(text, npmsemver.Options{})
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(v, r.Contains(v))
	}
	fmt.Println(r)
	// Output:
	// 4.21.2 true
	// 4.22.0-rc.1 false
	// 5.0.0-beta.3 true
	// 5.0.0 false
	// >=4.16.0 <5.0.0-0||>=5.0.0-beta.1 <5.0.0
}
