package observatory

// Describe says in a few words what a result code means; "" for a code that no test has.
func Describe(code string) string { return results[code].description }

// Modifier returns what a result adds to the score; 0 for a code that no test has.
func Modifier(code string, v Version) int {
	if code == frameDenied && v == V4 {
		return frameDeniedInV4
	}
	return results[code].modifier
}

// frameDeniedInV4 is the one modifier that the algorithms do not agree on.
const frameDeniedInV4 = 0

// results are the codes with what they add to the score and what they mean.
var results = map[string]struct {
	modifier    int
	description string
}{
	cspNoneByDefault:   {10, "The policy forbids everything by default and allows nothing unsafe."},
	cspNoUnsafe:        {5, "The policy allows nothing unsafe, but does not forbid everything by default."},
	cspInlineStyle:     {0, "Only the sources of styles are unsafe: inline styles, data: or nearly any host."},
	cspRepeated:        {0, "The policy is sound, but names a reporting directive twice."},
	cspInsecurePassive: {-10, "A page over HTTPS may load images or media over plain HTTP or FTP."},
	cspEval:            {-10, "The policy lets scripts be made from strings ('unsafe-eval')."},
	cspInline:          {-20, "Scripts or plugins may come from inline code, data: or nearly any host, or are not restricted at all."},
	cspInsecure:        {-20, "A page over HTTPS may load active content over plain HTTP or FTP."},
	cspInvalid:         {-25, "The policy cannot be read: too short, a directive twice, or 'strict-dynamic' without a nonce or hash."},
	cspNone:            {-25, "There is no Content-Security-Policy."},
	cspReportOnly:      {-25, "The policy only reports and stops nothing."},

	cookiesBest:                {5, "All cookies are Secure and SameSite, session cookies also HttpOnly."},
	cookiesGood:                {0, "All cookies are Secure and session cookies HttpOnly, but SameSite is missing."},
	cookiesNone:                {0, "The page sets no cookie."},
	cookiesInsecureHSTS:        {-5, "A cookie is not Secure; HSTS keeps it off plain HTTP."},
	cookiesSessionInsecureHSTS: {-10, "A session cookie is not Secure; HSTS keeps it off plain HTTP."},
	cookiesInsecure:            {-20, "A cookie is not Secure and travels over plain HTTP."},
	cookiesBadSameSite:         {-20, "A cookie's SameSite has no known value, or is None without Secure."},
	cookiesTokenNoSameSite:     {-20, "A cookie with an anti-CSRF token has no SameSite."},
	cookiesSessionNoHTTPOnly:   {-30, "Scripts can read a session cookie: HttpOnly is missing."},
	cookiesSessionInsecure:     {-40, "A session cookie is not Secure and travels over plain HTTP."},

	corsNone:       {0, "Other origins may not read the page."},
	corsPublic:     {0, "Every origin may read the page, without credentials."},
	corsRestricted: {0, "Only certain origins may read the page."},
	corsUniversal:  {-50, "Every origin may read the page with the visitor's credentials."},

	redirectionHTTPS:     {0, "Plain HTTP leads at once to HTTPS on the same host."},
	redirectionNoHTTP:    {0, "Nothing answers on plain HTTP."},
	redirectionPreloaded: {0, "All hosts on the way are preloaded, so browsers never use plain HTTP."},
	redirectionOffHost:   {-5, "Plain HTTP leads to HTTPS on another host, so HSTS never protects the first."},
	redirectionLate:      {-10, "Plain HTTP leads to plain HTTP first, and to HTTPS only later."},
	redirectionNotHTTPS:  {-20, "The redirects do not end at HTTPS."},
	redirectionMissing:   {-20, "Plain HTTP does not lead to HTTPS."},
	redirectionBadCert:   {-20, "The redirects meet a certificate that is not valid."},

	referrerSafe:    {5, "Other sites learn at most the origin a visitor comes from."},
	referrerNone:    {0, "There is no Referrer-Policy; browsers have a safe default."},
	referrerUnsafe:  {-5, "Other sites may learn the page or, without HTTPS, the origin a visitor comes from."},
	referrerInvalid: {-5, "The Referrer-Policy has no known value."},

	hstsPreloaded: {5, "Browsers have the host built in as HTTPS only."},
	hstsLong:      {0, "Browsers keep to HTTPS for half a year or more."},
	hstsShort:     {-10, "Browsers keep to HTTPS for less than half a year."},
	hstsNone:      {-20, "There is no Strict-Transport-Security."},
	hstsInvalid:   {-20, "Strict-Transport-Security cannot be read: no max-age, or sent twice."},
	hstsNoHTTPS:   {-20, "Nothing answers on HTTPS, so browsers cannot keep to it."},
	hstsBadCert:   {-20, "The certificate is not valid, so browsers ignore Strict-Transport-Security."},

	sriAllSecure:            {5, "Scripts of the own site have integrity hashes and come over HTTPS."},
	sriExternalSecure:       {5, "Scripts of other sites have integrity hashes and come over HTTPS."},
	sriNotHTML:              {0, "The answer is not HTML, so it loads no scripts."},
	sriNoScripts:            {0, "The page has no scripts."},
	sriNoneOwnOrigin:        {0, "All scripts come from the own site, which needs no integrity hashes."},
	sriNoneExternalSecure:   {-5, "A script of another site has no integrity hash, but comes over HTTPS."},
	sriExternalInsecure:     {-20, "A script of another site has an integrity hash, but may come over plain HTTP."},
	sriNoneExternalInsecure: {-50, "A script may come over plain HTTP and has no integrity hash."},
	htmlNotParseable:        {-20, "The page is not HTML that can be read."},

	sniffOff:     {0, "Browsers do not guess media types."},
	sniffNone:    {-5, "There is no X-Content-Type-Options."},
	sniffInvalid: {-5, "X-Content-Type-Options is not nosniff."},

	frameByCSP:     {5, "The Content-Security-Policy says who may frame the page."},
	frameDenied:    {5, "No other origin may frame the page."},
	frameAllowFrom: {0, "One origin may frame the page, by a value that browsers no longer know."},
	frameNone:      {-20, "Every site may frame the page."},
	frameInvalid:   {-20, "X-Frame-Options has no known value."},

	corpSameOrigin:  {10, "Only the own origin may embed the answer."},
	corpSameSite:    {10, "Only the own site may embed the answer."},
	corpCrossOrigin: {0, "Every site may embed the answer."},
	corpNone:        {0, "There is no Cross-Origin-Resource-Policy."},
	corpInvalid:     {-5, "Cross-Origin-Resource-Policy has no known value."},

	coopSameOrigin:  {10, "Windows of other origins have no hold on the page."},
	coopAllowPopups: {10, "Only windows that the page opens itself keep a hold on it."},
	coopNoopener:    {10, "Windows that open the page have no hold on it, even of the own origin."},
	coopUnsafeNone:  {0, "Windows of other origins may have a hold on the page."},
	coopNone:        {0, "There is no Cross-Origin-Opener-Policy."},
	coopInvalid:     {-5, "Cross-Origin-Opener-Policy has no known value."},

	coepRequireCORP:    {10, "The page loads only what agrees to be embedded."},
	coepCredentialless: {10, "The page loads from other origins without the visitor's credentials."},
	coepUnsafeNone:     {0, "The page may load anything from other origins."},
	coepNone:           {0, "There is no Cross-Origin-Embedder-Policy."},
	coepInvalid:        {-5, "Cross-Origin-Embedder-Policy has no known value."},
}
