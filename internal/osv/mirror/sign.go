package mirror

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"

	"golang.org/x/crypto/blake2b"
)

// maxSignature bounds a file of a key or a signature.
const maxSignature = 8 << 10

// A Key is a public key of minisign.
type Key struct {
	id     [8]byte
	public ed25519.PublicKey
}

// ID is the key's id as minisign shows it.
func (k *Key) ID() string {
	id := k.id
	slices.Reverse(id[:]) // it is a number, lowest byte first
	return strings.ToUpper(hex.EncodeToString(id[:]))
}

// ParseKey reads a public key: the file that minisign -G writes, or its second line alone.
func ParseKey(text string) (*Key, error) {
	lines := strings.Fields(strings.TrimSpace(text))
	if len(text) > maxSignature || len(lines) == 0 {
		return nil, errors.New("is no public key of minisign")
	}
	raw, err := base64.StdEncoding.DecodeString(lines[len(lines)-1])
	if err != nil || len(raw) != 2+8+ed25519.PublicKeySize || string(raw[:2]) != "Ed" {
		return nil, errors.New("is no public key of minisign")
	}
	return &Key{id: [8]byte(raw[2:10]), public: raw[10:]}, nil
}

// Verify tells whether the key has made the signature of what is read. The trusted comment
// is held to the signature too. Signatures of the old kind, which are not of a hash, are
// refused: the whole would have to be in memory.
func (k *Key) Verify(signed io.Reader, signature string) error {
	lines := strings.Split(strings.ReplaceAll(strings.TrimSpace(signature), "\r\n", "\n"), "\n")
	if len(signature) > maxSignature || len(lines) != 4 {
		return errors.New("is no signature of minisign")
	}
	raw, err := base64.StdEncoding.DecodeString(lines[1])
	comment, ok := strings.CutPrefix(lines[2], "trusted comment: ")
	global, wrong := base64.StdEncoding.DecodeString(lines[3])
	if err != nil || wrong != nil || !ok || len(raw) != 2+8+ed25519.SignatureSize || len(global) != ed25519.SignatureSize {
		return errors.New("is no signature of minisign")
	}
	switch string(raw[:2]) {
	case "ED":
	case "Ed":
		return errors.New("is of minisign's old kind; sign again without -l")
	default:
		return errors.New("is no signature of minisign")
	}
	if id := (&Key{id: [8]byte(raw[2:10])}).ID(); id != k.ID() {
		return fmt.Errorf("was made by the key %s, and not by %s", id, k.ID())
	}
	h, err := blake2b.New512(nil)
	if err != nil {
		return err
	}
	if _, err := io.Copy(h, signed); err != nil {
		return err
	}
	made := raw[10:]
	if !ed25519.Verify(k.public, h.Sum(nil), made) || !ed25519.Verify(k.public, append(slices.Clone(made), comment...), global) {
		return errors.New("does not fit: either it or what it is of was changed")
	}
	return nil
}

// signature finds the signature of an archive and holds the archive to it.
func (m *one) signature(ctx context.Context, archive string) error {
	from := m.o.Signatures[m.ecosystem]
	var text []byte
	var err error
	if from != "" {
		text, err = readSmall(from)
	} else {
		from = m.url + ".minisig"
		text, err = m.fetchSmall(ctx, from)
	}
	if err != nil {
		return fmt.Errorf("%s: the signature %s: %w", m.url, from, err)
	}
	f, err := os.Open(archive)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := m.o.Key.Verify(f, string(text)); err != nil {
		return fmt.Errorf("%s is not used: the signature %s %w", m.url, from, err)
	}
	return nil
}

func readSmall(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxSignature+1))
}

func (m *one) fetchSmall(ctx context.Context, address string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, m.o.Stall)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	answer, err := m.client.Do(r)
	if e, ok := errors.AsType[*url.Error](err); ok {
		err = e.Err
	}
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("answers %s", answer.Status)
	}
	return io.ReadAll(io.LimitReader(answer.Body, maxSignature+1))
}
