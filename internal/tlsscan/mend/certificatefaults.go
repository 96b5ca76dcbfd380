package mend

// What a certificate says is no matter of configuration; which files are sent is.

const (
	newKey = "openssl ecparam -name prime256v1 -genkey -noout -out key.pem && openssl req -new -key key.pem -subj / -addext subjectAltName=DNS:NAME -out request.pem   # for your CA\n" +
		"certbot certonly --force-renewal --key-type ecdsa -d NAME   # does both"
	chaining = "cat cert.pem intermediate.pem >fullchain.pem   # without the root; certbot's fullchain.pem is that already\n" +
		"openssl x509 -in cert.pem -noout -ext authorityInfoAccess   # names the issuer's address; openssl x509 -inform DER -in issuer.der >intermediate.pem"
	revoking  = "certbot revoke --cert-path OLD.pem --reason keycompromise"
	privateCA = "For a private CA the visitors have to trust it: panoply audit --root ca.pem, curl --cacert ca.pem, the system's store."
)

var certificateFaults = []Fault{
	{Name: "cert.unreadable", What: "the certificate cannot be read", Why: "no client can judge it", Do: "get another certificate", Instead: newKey},
	{Name: "cert.rsa-small", What: "the certificate has an RSA key of less than 2048 bits", Why: "the key can be computed from the certificate", Do: "get a certificate with a new key: ECDSA P-256, or RSA of 2048 bits", Instead: newKey},
	{Name: "cert.rsa-exponent", What: "the exponent of the RSA key is one that breaks it", Why: "signatures can be forged, or the key computed", Do: "get a certificate with a new key", Instead: newKey},
	{Name: "cert.rsa-factored", What: "the factors of the RSA key stand close together", Why: "the private key is known to whoever looks (CVE-2022-26320)", Do: "get a certificate with a new key, made by another program, and revoke this one", Instead: newKey + "\n" + revoking},
	{Name: "cert.roca", What: "the RSA key comes from a broken generator", Why: "the private key can be computed (CVE-2017-15361)", Do: "get a certificate with a new key, made by another program, and revoke this one", Instead: newKey + "\n" + revoking},
	{Name: "cert.curve-weak", What: "the certificate has a key on a curve of less than 256 bits", Why: "the key can be computed from the certificate", Do: "get a certificate with a new key: ECDSA P-256", Instead: newKey},
	{Name: "cert.not-yet-valid", What: "the certificate begins in the future", Why: "every client refuses it", Do: "set the clock of who issued it, or wait", Instead: "openssl x509 -in cert.pem -noout -dates; date -u   # is this machine's clock right?\n" + renewing},
	{Name: "cert.expired", What: "the certificate has ended", Why: "every client refuses it", Do: "renew it, then reload the server", Instead: renewing + "\ncertbot renew --dry-run; systemctl list-timers certbot.timer   # why it did not by itself"},
	{Name: "cert.expires-soon", What: "the certificate ends soon", Why: "then every client refuses it", Do: "renew it, then reload the server", Instead: renewing},
	{Name: "cert.lifetime-long", What: "the certificate lives longer than browsers accept", Why: "they refuse those of public CAs; who steals the key has it for years", Do: "get one for 90 days, renewed by a program", Instead: renewing},
	{Name: "cert.no-san", What: "the certificate names its host in the subject only", Why: "no browser reads that: they refuse it", Do: "get a certificate with the name as subjectAltName", Instead: newKey},
	{Name: "cert.name-mismatch", What: "the certificate is for another host", Why: "every client refuses it", Do: "get a certificate for the name, or give the name's own to its server block",
		Instead: "openssl x509 -in cert.pem -noout -ext subjectAltName   # what it is for\ncertbot certonly --cert-name NAME -d NAME -d www.NAME"},
	{Name: "cert.self-signed", What: "the certificate is signed by its own key", Why: "no client can tell it from an attacker's", Do: "get one from a CA", Instead: newKey + "\n" + privateCA},
	{Name: "cert.chain-incomplete", What: "the certificate of the issuer is not sent", Why: "clients that did not see it elsewhere refuse the connection", Do: "send the certificate and its intermediates", Settings: []Setting{Chain}, Instead: chaining},
	{Name: "cert.untrusted", What: "no trusted root leads to the certificate", Why: "every client refuses it", Do: "get one from a CA that your visitors trust", Instead: newKey + "\n" + privateCA},
	{Name: "cert.intermediate-expired", What: "a certificate of the chain has ended", Why: "clients that know no other way refuse the connection", Do: "send the CA's current intermediate", Settings: []Setting{Chain}, Instead: chaining},
	{Name: "cert.sha1", What: "a certificate of the chain is signed with SHA-1", Why: "such signatures can be forged: clients refuse them", Do: "get a certificate signed with SHA-256", Settings: []Setting{Chain}, Instead: renewing + "\nIs it an intermediate's: " + chaining},
	{Name: "cert.chain-has-root", What: "the root is sent as well", Why: "a visitor who trusts it has it, one who does not gains nothing; it costs bytes in each handshake", Do: "send the certificate and its intermediates only", Settings: []Setting{Chain}, Instead: chaining},
	{Name: "cert.chain-order", What: "the certificates do not stand in their order", Why: "strict clients refuse the connection", Do: "send the certificate, then each one's issuer", Settings: []Setting{Chain}, Instead: chaining},
	{Name: "cert.revoked", What: "the certificate, or one of its chain, was revoked", Why: "clients that ask refuse it, and somebody else may have the key", Do: "get a certificate with a new key", Instead: newKey},
	{Name: "cert.internal-name", What: "a public certificate tells of names inside", Why: "nobody can check who owns them, and the public logs show them to all", Do: "get one without those names; for inside a private CA", Instead: "openssl x509 -in cert.pem -noout -ext subjectAltName   # what it tells\n" + newKey},
	{Name: "cert.sct-invalid", What: "a signed timestamp of the certificate is wrong", Why: "browsers do not count it, and refuse a certificate without enough", Do: "get another certificate; is the list of logs current?", Instead: renewing},
	{Name: "cert.no-sct", What: "the certificate has no signed timestamp", Why: "browsers refuse one of a public CA without; of a private one they ask none", Do: "nothing with a private CA; otherwise get another certificate", Instead: renewing},
}

var stapleFaults = []Fault{
	{Name: "ocsp.must-staple-missing", What: "the certificate demands a stapled OCSP response, and none comes", Why: "browsers that read the demand refuse the connection", Do: "staple, or get a certificate without the demand", Settings: []Setting{Staple},
		Instead: "openssl x509 -in cert.pem -noout -ocsp_uri   # the responder; without one: certbot renew --force-renewal, without --must-staple"},
	{Name: "ocsp.signature-invalid", What: "the stapled response is not signed by the issuer", Why: "clients refuse the connection or ignore it", Do: "staple what the responder says now", Settings: []Setting{Staple}, Instead: "Does the issuer of the chain file belong to the certificate? " + chaining},
	{Name: "ocsp.revoked", What: "the certificate was revoked", Why: "clients that ask refuse it, and somebody else may have the key", Do: "get a certificate with a new key", Instead: newKey},
	{Name: "ocsp.stale", What: "the stapled response is not of today", Why: "clients refuse the connection or ignore it", Do: "staple what the responder says now; set the clock", Settings: []Setting{Staple}},
	{Name: "ocsp.unknown", What: "the responder does not know the certificate", Why: "clients that ask refuse it", Do: "ask the CA; get another certificate", Instead: renewing},
}
