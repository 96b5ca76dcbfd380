// Package proof shows that whoever asks for active probes controls the host:
// both sides hold a key, the audit sends a nonce, and the host answers with the HMAC of
// it. The key never travels.
//
//	proof.Write(w, key, host, port, nonce)            // the host
//	err := proof.Verify(key, host, port, nonce, resp) // the audit
//
// A page that echoes its path, answers every path with 200, or redirects, cannot know
// the answer; an answer made for another host or port is another answer. What it does
// not protect against: whoever holds the key, or can make the host compute with it.
//
// Source: RFC 2104 (HMAC), RFC 4648 section 5 (base64url), RFC 8615 (well-known URIs).
package proof

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
)

const (
	// Path is where a host answers.
	Path = "/.well-known/panoply-audit"
	// context keeps the key's other uses, if there are any, apart from this one.
	context = "panoply-audit/1"
	// nonceBytes is the length of a nonce before its encoding.
	nonceBytes = 32
	// maxAnswer is how long an answer may be in bytes.
	maxAnswer = 256
	// minKey is the shortest key taken, in bytes.
	minKey = 16
	// maxKeyFile bounds the reading of a key file.
	maxKeyFile = 4 << 10
)

var encoding = base64.RawURLEncoding

// NewNonce returns a fresh nonce of 43 characters.
func NewNonce() string {
	b := make([]byte, nonceBytes)
	rand.Read(b) // never fails: it crashes the program instead
	return encoding.EncodeToString(b)
}

// Answer is base64url(HMAC-SHA256(key, "panoply-audit/1" ‖ host ‖ port ‖ nonce)). The
// host is in lower case and without a port or brackets; the port is decimal, that of
// the scheme when the address names none. The parts stand side by side without a mark
// between them: the nonce has one length, and the two before it are checked by the host
// to be its own.
func Answer(key []byte, host, port, nonce string) string {
	mac := hmac.New(sha256.New, key)
	io.WriteString(mac, context+strings.ToLower(host)+port+nonce)
	return encoding.EncodeToString(mac.Sum(nil))
}

// Verify says whether the answer to the nonce is exactly what the holder of the key
// says: status 200, text/plain, no redirect, at most 256 bytes. It reads the body and
// leaves closing it to the caller. The error says what was wrong, never what was right.
func Verify(key []byte, host, port, nonce string, resp *http.Response) error {
	if resp.StatusCode >= 300 && resp.StatusCode < 400 {
		return fmt.Errorf("%s redirects, and a proof does not", Path)
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers with status %d, want 200", Path, resp.StatusCode)
	}
	media, _, _ := strings.Cut(resp.Header.Get("Content-Type"), ";")
	if !strings.EqualFold(strings.TrimSpace(media), "text/plain") {
		return fmt.Errorf("%s answers with another type than text/plain", Path)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return fmt.Errorf("%s: the answer broke off: %w", Path, err)
	}
	if len(body) > maxAnswer {
		return fmt.Errorf("%s answers with more than %d bytes", Path, maxAnswer)
	}
	if !hmac.Equal(body, []byte(Answer(key, host, port, nonce))) {
		return fmt.Errorf("%s answers, and not with what the key's holder would say", Path)
	}
	return nil
}

// Nonce returns the request's nonce when it is one that [NewNonce] could have made and
// the only parameter. Anything else is not answered: the host computes over nothing
// that a stranger chose freely.
func Nonce(r *http.Request) (string, bool) {
	nonce, ok := strings.CutPrefix(r.URL.RawQuery, "nonce=")
	if !ok || len(nonce) != encoding.EncodedLen(nonceBytes) {
		return "", false
	}
	if _, err := encoding.Strict().DecodeString(nonce); err != nil {
		return "", false
	}
	return nonce, true
}

// Write answers a proof for the host and port under which the client asked. Whoever
// calls it has checked that they are its own.
func Write(w http.ResponseWriter, key []byte, host, port, nonce string) {
	h := w.Header()
	h.Set("Content-Type", "text/plain")
	h.Set("Cache-Control", "no-store")
	io.WriteString(w, Answer(key, host, port, nonce))
}

// ReadKey reads a key file: its text without surrounding blanks, at least 16 bytes.
func ReadKey(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("control key: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxKeyFile+1))
	if err != nil {
		return nil, fmt.Errorf("control key: %w", err)
	}
	key := strings.TrimSpace(string(text))
	if len(key) < minKey || len(text) > maxKeyFile {
		return nil, fmt.Errorf("control key: %s must hold from %d to %d bytes", name, minKey, maxKeyFile)
	}
	return []byte(key), nil
}

// KeyFile is the file of a key that [OpenKey] makes in a folder of state.
func KeyFile(state string) string { return filepath.Join(state, "audit.key") }

// OpenKey reads the key of a folder of state, and makes it, readable by its owner
// alone, when there is none.
func OpenKey(state string) ([]byte, error) {
	name := KeyFile(state)
	key, err := ReadKey(name)
	if !errors.Is(err, fs.ErrNotExist) {
		return key, err
	}
	text := NewNonce()
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return ReadKey(name) // made by another process in between
	}
	if err != nil {
		return nil, fmt.Errorf("control key: %w", err)
	}
	if _, err := io.WriteString(f, text+"\n"); err != nil {
		f.Close()
		return nil, fmt.Errorf("control key: %w", err)
	}
	if err := f.Close(); err != nil {
		return nil, fmt.Errorf("control key: %w", err)
	}
	return []byte(text), nil
}
