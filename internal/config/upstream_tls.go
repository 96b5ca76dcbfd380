package config

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/panoplysec/panoply/certs"
)

// A tlsFileError is what is wrong with the file of one key.
type tlsFileError struct {
	key string
	err error
}

func (e *tlsFileError) Error() string { return e.err.Error() }
func (e *tlsFileError) Unwrap() error { return e.err }

// Config reads the files. ServerName is empty where the host of the address is the name. The
// error joins what is wrong with each file.
func (t UpstreamTLS) Config() (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: t.Name}
	var errs []error
	if t.CA != "" {
		roots, err := readRoots(t.CA)
		if err != nil {
			errs = append(errs, &tlsFileError{"ca", err})
		}
		c.RootCAs = roots
	}
	if t.Cert != "" && t.Key != "" {
		pair, err := certs.LoadPair(certs.Pair{Cert: t.Cert, Key: t.Key})
		for _, e := range unjoinedPair(err) {
			key := "cert"
			if file, ok := errors.AsType[*certs.FileError](e); ok && file.File == t.Key && t.Key != t.Cert {
				key = "key"
			}
			errs = append(errs, &tlsFileError{key, e})
		}
		if err == nil {
			c.Certificates = []tls.Certificate{*pair}
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return c, nil
}

func unjoinedPair(err error) []error {
	if err == nil {
		return nil
	}
	return unjoined(err)
}

func readRoots(name string) (*x509.CertPool, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		cause := err
		if p, ok := errors.AsType[*fs.PathError](err); ok {
			cause = p.Err
		}
		return nil, fmt.Errorf("is %s, which cannot be read: %w", quoted(name), cause)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("is %s, which holds no certificate in PEM", quoted(name))
	}
	return roots, nil
}
