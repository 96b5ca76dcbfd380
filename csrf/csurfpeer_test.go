package csrf_test

import (
	"encoding/json"
	"math/rand/v2"
	"os/exec"
	"strings"
	"testing"

	"github.com/panoplysec/panoply/csrf"
	"github.com/panoplysec/panoply/internal/need"
)

const csurfPeer = `
const Tokens = require(process.argv[1] + '/csrf'), tokens = new Tokens()
const pairs = JSON.parse(require('fs').readFileSync(0, 'utf8'))
console.log(JSON.stringify(pairs.map(p => ({
  made: tokens._tokenize(p.secret, p.salt), fresh: tokens.create(p.secret), takes: tokens.verify(p.secret, p.token)
}))))`

// What the real package makes is taken here, and what is made here is taken by it.
func TestCsurfPeer(t *testing.T) {
	node, modules := need.Program(t, "node"), need.Modules(t, "csrf")
	random := rand.New(rand.NewPCG(1, 2))
	letters := []rune("abcXYZ019_+/= é\u0141\U0001F600")
	text := func(n int) string {
		var b strings.Builder
		for range n {
			b.WriteRune(letters[random.IntN(len(letters))])
		}
		return b.String()
	}
	type pair struct {
		Secret string `json:"secret"`
		Salt   string `json:"salt"`
		Token  string `json:"token"`
	}
	var pairs []pair
	for range 500 {
		p := pair{Secret: text(1 + random.IntN(30)), Salt: text(random.IntN(20))}
		p.Token = csrf.TokenizeCsurf(p.Secret, p.Salt)
		pairs = append(pairs, p)
	}
	in, err := json.Marshal(pairs)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(node, "-e", csurfPeer, modules)
	cmd.Stdin = strings.NewReader(string(in))
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var answers []struct {
		Made, Fresh string
		Takes       bool
	}
	if err := json.Unmarshal(out, &answers); err != nil || len(answers) != len(pairs) {
		t.Fatalf("%d answers, %v, want %d", len(answers), err, len(pairs))
	}
	for i, p := range pairs {
		a := answers[i]
		if a.Made != p.Token || !a.Takes {
			t.Errorf("TokenizeCsurf(%q, %q) = %q, want %q; csrf takes it: %v", p.Secret, p.Salt, p.Token, a.Made, a.Takes)
		}
		if !csrf.VerifyCsurf(p.Secret, a.Fresh) {
			t.Errorf("VerifyCsurf(%q, %q) = false, want what csrf made to be good", p.Secret, a.Fresh)
		}
	}
}
