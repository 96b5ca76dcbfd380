package certs_test

import (
	"crypto/tls"
	"errors"
	"fmt"
	"os"

	"github.com/panoplysec/panoply/certs"
)

func ExampleOpenLocalCA() {
	state, err := os.MkdirTemp("", "state")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(state)

	ca, err := certs.OpenLocalCA(state) // made on the first start
	if err != nil {
		fmt.Println(err)
		return
	}
	config := &tls.Config{GetCertificate: ca.GetCertificate}

	leaf, err := config.GetCertificate(&tls.ClientHelloInfo{ServerName: "shop.localhost"})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(leaf.Leaf.DNSNames)
	_, err = config.GetCertificate(&tls.ClientHelloInfo{ServerName: "example.com"})
	fmt.Println(err)
	// Output:
	// [shop.localhost]
	// no certificate for "example.com": the local CA is for localhost, *.localhost, 127.0.0.1 and ::1
}

// Nothing is changed before Run, so that every step can be shown first.
func ExampleSystem_Trust() {
	state, err := os.MkdirTemp("", "state")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(state)
	ca, err := certs.OpenLocalCA(state)
	if err != nil {
		fmt.Println(err)
		return
	}
	plan, err := certs.System{GOOS: "windows"}.Trust(ca) // certs.Trust(ca) is for this machine
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, step := range plan.Steps {
		fmt.Println(step.Text)
	}
	// Output:
	// add the CA to this user's trusted roots; Windows will ask
}

func ExampleFiles() {
	_, err := certs.Files([]certs.Pair{{Cert: "shop.pem", Key: "shop.key"}})
	fmt.Println(err)
	if e, ok := errors.AsType[*certs.FileError](err); ok {
		fmt.Println("first about", e.File)
	}
	// Output:
	// shop.pem: cannot be read: no such file or directory
	// shop.key: cannot be read: no such file or directory
	// first about shop.pem
}
