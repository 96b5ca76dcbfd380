package active

import (
	"fmt"
	"time"

	"github.com/panoplysec/panoply/audit/check"
)

const (
	// defaultTries is the length of a series where nobody says.
	defaultTries = 30
	// aDay is how many failures the page lets one address have in a day.
	aDay = 100
	// shortest is how long a refusal lasts at least that ends guessing.
	shortest = 10 * time.Second
	// wholeTime ends the check.
	wholeTime = 100 * time.Second
)

// beside is said of what an address in front of the app may do by right.
const beside = "; if visitors meet a proxy first, audit the proxy's address"

var bruteForceRules = check.Rules{
	{ID: "brute-force/unlimited", Title: "wrong passwords for one name are judged without an end", Severity: check.High, CWE: 307, ASVS: []string{"6.3.1"},
		Why: "Whoever may guess without an end guesses right in the end.",
		Bad: "30 wrong passwords → 30 × 401", Good: "30 wrong passwords → 10 × 401, then 429"},
	{ID: "brute-force/parallel", Title: "guesses that arrive together slip past the limiter", Severity: check.High, CWE: 367, ASVS: []string{"6.3.1"},
		Why: "A limiter that asks first and counts after the password was checked lets everything pass that arrives in between.",
		Bad: "if (await failures(user) > 10) return res.status(429).end()\nif (!await check(user, password)) await countFailure(user)", Good: "const { remaining } = await limiter.consume(user) // counts before the check",
		Fix: check.Fix{Express: "consume() of rate-limiter-flexible before the password is checked, and reward() or delete() after it was right"}},
	{ID: "brute-force/forwarded", Title: "a limiter is walked around with a header that claims another address", Severity: check.High, CWE: 348, ASVS: []string{"4.1.3", "6.3.1"},
		Why: "A limiter by address counts nobody when visitors choose their address.",
		Bad: "keyGenerator: req => req.headers['x-forwarded-for']", Good: "app.set('trust proxy', 'loopback') and keyGenerator: req => req.ip",
		Fix: check.Fix{Express: "app.set('trust proxy', 'loopback'), and req.ip in the limiter's key, never a header", Go: "clientip.Of(r) in the limiter's key, never a header"}},
	{ID: "brute-force/tells-users", Title: "answers tell names that exist from those that do not", Severity: check.Medium, CWE: 204, ASVS: []string{"6.3.8"},
		Why: "Who knows which names exist guesses for those only, and knows who is a customer.",
		Bad: "no such user / wrong password", Good: "wrong name or password",
		Fix: check.Fix{Express: "one answer for both, and a limiter that counts names that do not exist as well", Go: "one answer for both, and a limiter that counts names that do not exist as well", Door: "none: only the app knows its names"}},
	{ID: "brute-force/times-users", Title: "answers for names that exist take another time", Severity: check.Medium, CWE: 208, ASVS: []string{"6.3.8"},
		Why: "A password that is hashed only when the name exists shows by the time which names exist.",
		Bad: "if (!user) return fail()\nif (!await bcrypt.compare(password, user.hash)) return fail()", Good: "const ok = await bcrypt.compare(password, user ? user.hash : aHashOfNobody)",
		Fix: check.Fix{Express: "compare with the hash of nobody's password when the name does not exist", Go: "compare with the hash of nobody's password when the name does not exist", Door: "none: only the app knows its names"}},
	{ID: "brute-force/retry-after-absent", Title: "refusals do not say when to try again", Severity: check.Info, ASVS: []string{"6.3.1"},
		Why: "A person who was locked out does not know for how long, and a program tries again at once.",
		Bad: "HTTP/1.1 429 Too Many Requests", Good: "HTTP/1.1 429 Too Many Requests\nRetry-After: 900"},
	{ID: "brute-force/remaining-told", Title: "answers say how many guesses are left", Severity: check.Info, CWE: 200,
		Why: "An attacker stops just before the limit, and shares the rest among other addresses.",
		Bad: "X-RateLimit-Remaining: 4", Good: "no such header on the login"},
}

var bruteForce = check.Check{
	ID: "brute-force", Practice: "brute-force", Title: "Logins refuse after a few wrong passwords, whatever way they are sent",
	Why:      "Whether a limiter limits is seen by trying: in sequence, at once, and with addresses that are made up.",
	Severity: check.High, Needs: check.Wire | check.Active, Rules: bruteForceRules, Run: runBruteForce,
	Probes: fmt.Sprintf("wrong passwords to the login, %d at most in all: for names that nobody has and for --login-user, in sequence, up to %d at once, and with X-Forwarded-For made up; "+
		"the login may refuse this machine, and that user, for as long as its limiter says", maxGuesses, check.MaxTogether),
	Bad:  "app.post('/login', async (req, res) => { … })",
	Good: "app.post('/login', limitByUserAndAddress, limitByAddress, async (req, res) => { … })",
}
