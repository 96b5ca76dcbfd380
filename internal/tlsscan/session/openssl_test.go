package session_test

import (
	"bufio"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/panoplysec/panoply/internal/need"
	"github.com/panoplysec/panoply/internal/tlsscan/session"
	"github.com/panoplysec/panoply/internal/tlsscan/wire"
)

// sServer starts openssl s_server, which answers any request with a page, and returns its
// address.
func sServer(t *testing.T, cert int, args ...string) string {
	t.Helper()
	openssl := need.Program(t, "openssl")
	id := identities(t)[cert]
	key, err := x509.MarshalPKCS8PrivateKey(id.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "id.pem")
	text := append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: id.Certificate[0]}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})...)
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	addr := fmt.Sprintf("127.0.0.1:%d", need.Port(t))
	cmd := exec.CommandContext(t.Context(), openssl, append([]string{"s_server", "-accept", addr, "-cert", file, "-www", "-quiet"}, args...)...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	for range 300 {
		c, err := net.Dial("tcp", addr)
		if err == nil {
			c.Close()
			return addr
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatalf("openssl s_server %s does not listen", strings.Join(args, " "))
	return ""
}

// TestAgainstOpenSSL holds what crypto/tls has not against OpenSSL.
func TestAgainstOpenSSL(t *testing.T) {
	for _, tc := range []struct {
		name   string
		cert   int
		args   []string
		suite  wire.Suite
		group  wire.Group
		modern bool
	}{
		{"x448", 0, []string{"-tls1_3", "-curves", "X448"}, 0x1301, wire.X448, true},
		{"x448 in TLS 1.2", 0, []string{"-tls1_2", "-curves", "X448"}, 0xc02f, wire.X448, false},
		{"ffdhe2048", 0, []string{"-tls1_3", "-curves", "ffdhe2048"}, 0x1301, wire.FFDHE2048, true},
		{"CCM of TLS 1.3", 0, []string{"-tls1_3", "-ciphersuites", "TLS_AES_128_CCM_SHA256"}, 0x1304, wire.X25519, true},
		{"CCM_8 of TLS 1.3", 0, []string{"-tls1_3", "-ciphersuites", "TLS_AES_128_CCM_8_SHA256"}, 0x1305, wire.X25519, true},
		{"CCM", 0, []string{"-tls1_2", "-cipher", "AES128-CCM"}, 0xc09c, 0, false},
		{"CCM_8 with ECDHE", 1, []string{"-tls1_2", "-cipher", "ECDHE-ECDSA-AES256-CCM8"}, 0xc0af, wire.X25519, false},
		{"brainpoolP256r1", 0, []string{"-tls1_2", "-curves", "brainpoolP256r1"}, 0xc02f, wire.Brainpool256, false},
		{"brainpoolP384r1", 0, []string{"-tls1_2", "-curves", "brainpoolP384r1"}, 0xc02f, wire.Brainpool384, false},
		{"brainpoolP512r1", 0, []string{"-tls1_2", "-curves", "brainpoolP512r1"}, 0xc02f, wire.Brainpool512, false},
		{"secp256k1", 0, []string{"-tls1_2", "-curves", "secp256k1"}, 0xc02f, wire.Secp256k1, false},
		{"secp224r1", 0, []string{"-tls1_2", "-curves", "secp224r1", "-cipher", "ECDHE-RSA-AES128-GCM-SHA256:@SECLEVEL=0"}, 0xc02f, wire.Secp224r1, false},
		{"secp521r1", 0, []string{"-tls1_2", "-curves", "P-521"}, 0xc02f, wire.Secp521r1, false},
		{"Camellia", 0, []string{"-tls1_2", "-cipher", "CAMELLIA128-SHA:@SECLEVEL=0"}, 0x0041, 0, false},
		{"Camellia, 256 bits, SHA-256", 0, []string{"-tls1_2", "-cipher", "DHE-RSA-CAMELLIA256-SHA256:@SECLEVEL=0"}, 0x00c4, 0, false},
		{"Camellia, SHA-384", 1, []string{"-tls1_2", "-cipher", "ECDHE-ECDSA-CAMELLIA256-SHA384:@SECLEVEL=0"}, 0xc073, wire.X25519, false},
		{"Camellia in TLS 1.0", 0, []string{"-tls1", "-cipher", "CAMELLIA256-SHA:@SECLEVEL=0"}, 0x0084, 0, false},
		{"Camellia in TLS 1.1", 0, []string{"-tls1_1", "-cipher", "DHE-RSA-CAMELLIA128-SHA:@SECLEVEL=0"}, 0x0045, 0, false},
		{"ARIA", 0, []string{"-tls1_2", "-cipher", "ARIA128-GCM-SHA256:@SECLEVEL=0"}, 0xc050, 0, false},
		{"ARIA, 256 bits", 1, []string{"-tls1_2", "-cipher", "ECDHE-ECDSA-ARIA256-GCM-SHA384:@SECLEVEL=0"}, 0xc05d, wire.X25519, false},
		{"SEED", 0, []string{"-tls1_2", "-cipher", "SEED-SHA:@SECLEVEL=0", "-provider", "legacy", "-provider", "default"}, 0x0096, 0, false},
		{"SEED in TLS 1.0", 0, []string{"-tls1", "-cipher", "DHE-RSA-SEED-SHA:@SECLEVEL=0", "-provider", "legacy", "-provider", "default"}, 0x009a, 0, false},
		{"finite field", 0, []string{"-tls1_2", "-cipher", "DHE-RSA-AES128-GCM-SHA256"}, 0x009e, 0, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			conn, err := net.Dial("tcp", sServer(t, tc.cert, tc.args...))
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			conn.SetDeadline(time.Now().Add(time.Minute))
			var c io.ReadWriter
			if tc.modern {
				share, shareErr := session.NewShare(tc.group)
				if shareErr != nil {
					t.Fatal(shareErr)
				}
				h := hello(wire.TLS12, []wire.Suite{tc.suite}, []wire.Group{tc.group})
				h.AddVersions(wire.TLS13)
				h.AddKeyShares(wire.KeyShare{Group: tc.group, Key: share.Public})
				c, err = session.Handshake13(conn, h, share)
			} else {
				c, err = session.Handshake12(conn, hello(wire.TLS12, []wire.Suite{tc.suite}, []wire.Group{tc.group, wire.Secp256r1}))
			}
			if err != nil {
				t.Fatal(err)
			}
			io.WriteString(c, "GET / HTTP/1.0\r\n\r\n")
			if line, err := bufio.NewReader(c).ReadString('\n'); !strings.HasPrefix(line, "HTTP/1.0 200") {
				t.Errorf("the page begins with %q, %v", line, err)
			}
		})
	}
}

// TestRenegotiates holds that a second handshake comes to its end, as often as is asked.
func TestRenegotiates(t *testing.T) {
	conn, err := net.Dial("tcp", sServer(t, 0, "-tls1_2", "-client_renegotiation"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(time.Minute))
	h := hello(wire.TLS12, []wire.Suite{0xc02f}, []wire.Group{wire.X25519})
	c, err := session.Handshake12(conn, h)
	if err != nil {
		t.Fatal(err)
	}
	first := c.Hello
	for i := range 2 {
		if yes, err := c.Renegotiate(h, true); !yes {
			t.Fatalf("renegotiation %d: %v", i+1, err)
		}
	}
	if c.Hello != first {
		t.Error("the first hello is not told any more")
	}
}

// TestX448 holds the function against the second vector of RFC 7748 section 5.2.
func TestX448(t *testing.T) {
	decode := func(s string) []byte {
		b, err := hex.DecodeString(s)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	got := session.X448(decode("203d494428b8399352665ddca42f9de8fef600908e0d461cb021f8c538345dd77c3e4806e25f46d3315c44e0a5b4371282dd2c8d5be3095f"),
		decode("0fbcc2f993cd56d3305b0b7d9e55d4c1a8fb5dbb52f8e9a1e9b6201b165d015894e56c4d3570bee52fe205e28a78b91cdfbde71ce8d157db"))
	if want := "884a02576239ff7a2f2f63b2db6a9ff37047ac13568e1e30fe63c4a7ad1b3ee3a5700df34321d62077e63633c575c1c954514e99da7c179d"; hex.EncodeToString(got) != want {
		t.Errorf("X448 = %x, want %s", got, want)
	}
}

// TestCCM holds that both lengths of tag open what they sealed, and nothing else; that it
// is the CCM of others is held by TestAgainstOpenSSL.
func TestCCM(t *testing.T) {
	for _, name := range []string{"AES_128_CCM", "AES_128_CCM_8", "AES_256_CCM", "AES_256_CCM_8"} {
		key := make([]byte, 32)
		if strings.HasPrefix(name, "AES_128") {
			key = key[:16]
		}
		a, err := session.NewAEAD(name, key)
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range []int{0, 1, 15, 16, 17, 1000} {
			sealed := a.Seal(nil, make([]byte, 12), make([]byte, n), []byte("beside"))
			if len(sealed) != n+a.Overhead() {
				t.Errorf("%s: %d bytes became %d", name, n, len(sealed))
			}
			if plain, err := a.Open(nil, make([]byte, 12), sealed, []byte("beside")); err != nil || len(plain) != n {
				t.Errorf("%s: %d bytes, %v", name, len(plain), err)
			}
			if _, err := a.Open(nil, make([]byte, 12), sealed, []byte("beyond")); err == nil {
				t.Errorf("%s opens under other data", name)
			}
		}
		if _, err := a.Open(nil, make([]byte, 12), make([]byte, 4), nil); err == nil {
			t.Errorf("%s opens what is shorter than its tag", name)
		}
	}
}
