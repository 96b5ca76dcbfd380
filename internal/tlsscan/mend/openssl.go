package mend

// Where the library is OpenSSL's, what it never does or does only when it is old.
const (
	neverRenegotiates = "it lets no client renegotiate: what answers here is old or another program; upgrade it"
	neverCompresses   = "it does not compress: what answers here is old or another program; upgrade it"
	noEarlyData       = "it takes no early data: what answers here is another program"
	newOpenSSL        = "OpenSSL 3.5 or newer"
)

func nginx() program {
	return program{
		comment: "#", openSSL: true, places: []place{{where: "in the server block, instead of the directives of the same name"}}, hybrid: newOpenSSL + " (nginx -V names it)",
		answers: [settings]answer{
			Protocols: at(0, "ssl_protocols TLSv1.2 TLSv1.3;"),
			Suites:    at(0, "ssl_ciphers "+suites12()+";", "ssl_prefer_server_ciphers off;").leaving("ssl_dhparam"),
			Suites13:  at(0, "ssl_conf_command Ciphersuites "+suites13()+";"),
			Groups:    at(0, "ssl_ecdh_curve "+openSSLGroups(false)+";"),
			Hybrid:    at(0, "ssl_ecdh_curve "+openSSLGroups(true)+";"),
			// nginx from 0.8.23 ends the connection; from 1.3.2 it does not compress.
			Renegotiation: words("nginx: " + neverRenegotiates),
			Compression:   words("nginx: " + neverCompresses),
			EarlyData:     at(0, "ssl_early_data off;"),
			Chain:         at(0, "ssl_certificate /etc/ssl/site/fullchain.pem;"),
			Staple: at(0, "ssl_stapling on;", "ssl_stapling_verify on;", "ssl_trusted_certificate /etc/ssl/site/chain.pem;", "resolver 127.0.0.53;").
				and(words("chain.pem has the issuers up to the root, the resolver is yours; the first visitors after a start get no staple: where the certificate demands one, ssl_stapling_file gives it at once")),
			Transport: at(0, `add_header Strict-Transport-Security "`+twoYears+`" always;`).
				and(words("a location with an add_header of its own needs the line again")),
		},
	}
}

func apache() program {
	const server, host = 0, 1
	return program{
		comment: "#", openSSL: true, hybrid: newOpenSSL + " (the error log names it at start)",
		places: []place{{where: "outside of <VirtualHost>"}, {where: "in <VirtualHost>, instead of the directives of the same name"}},
		answers: [settings]answer{
			Protocols:     at(host, "SSLProtocol -all +TLSv1.2 +TLSv1.3"),
			Suites:        at(host, "SSLCipherSuite "+suites12(), "SSLHonorCipherOrder off").leaving("SSLOpenSSLConfCmd DHParameters"),
			Suites13:      at(host, "SSLCipherSuite TLSv1.3 "+suites13()),
			Groups:        at(host, "SSLOpenSSLConfCmd Curves "+openSSLGroups(false)),
			Hybrid:        at(host, "SSLOpenSSLConfCmd Curves "+openSSLGroups(true)),
			Renegotiation: words("Apache: " + neverRenegotiates),
			Compression:   at(host, "SSLCompression off"),
			EarlyData:     words("Apache: " + noEarlyData),
			Chain:         at(host, "SSLCertificateFile /etc/ssl/site/fullchain.pem").and(words("SSLCertificateChainFile goes")),
			Staple:        at(server, "SSLStaplingCache shmcb:/var/run/apache2/stapling(128000)").and(at(host, "SSLUseStapling on")),
			Transport:     at(host, `Header always set Strict-Transport-Security "`+twoYears+`"`).and(words("needs mod_headers: a2enmod headers")),
		},
	}
}

func haproxy() program {
	const global, frontend = 0, 1
	return program{
		comment: "#", openSSL: true, hybrid: newOpenSSL + " (haproxy -vv names it)",
		places: []place{
			{where: "in the section global; what a bind line says of the same wins, and has to go there", open: "global"},
			{where: "in the frontend that ends TLS"},
		},
		answers: [settings]answer{
			Protocols:     at(global, "ssl-default-bind-options ssl-min-ver TLSv1.2 ssl-max-ver TLSv1.3"),
			Suites:        at(global, "ssl-default-bind-ciphers "+suites12(), "ssl-default-bind-options prefer-client-ciphers").leaving("ssl-dh-param-file", "tune.ssl.default-dh-param"),
			Suites13:      at(global, "ssl-default-bind-ciphersuites "+suites13()),
			Groups:        at(global, "ssl-default-bind-curves "+openSSLGroups(false)),
			Hybrid:        at(global, "ssl-default-bind-curves "+openSSLGroups(true)),
			Renegotiation: words("HAProxy: " + neverRenegotiates),
			Compression:   words("HAProxy: " + neverCompresses),
			EarlyData:     words("take allow-0rtt out of the bind line: HAProxy takes early data only with it"),
			Chain:         at(frontend, "bind :443 ssl crt /etc/haproxy/site.pem").and(words("site.pem: the certificate, its intermediates, the key, in this order")),
			Staple: words("HAProxy sends the response that stands beside the certificate, site.pem.ocsp: openssl ocsp -issuer chain.pem -cert cert.pem -url \"$(openssl x509 -noout -ocsp_uri -in cert.pem)\" " +
				"-respout /etc/haproxy/site.pem.ocsp, daily, then reload; from 2.8 ocsp-update on in a crt-list does it by itself"),
			Transport: at(frontend, "http-after-response set-header Strict-Transport-Security "+twoYears),
		},
	}
}

func node() program {
	const options, handler = 0, 1
	// Node reads suites of both kinds from one list, and without those of 1.3 it has none.
	suites := at(options, "ciphers: '"+suites13()+":"+suites12()+"',", "honorCipherOrder: false,").leaving("dhparam")
	return program{
		comment: "//", openSSL: true, hybrid: newOpenSSL + " (node -p process.versions.openssl)",
		places: []place{
			{where: "in the options of https.createServer, instead of those of the same name; secureProtocol goes"},
			{where: "in the request handler or a middleware, before anything is written"},
		},
		answers: [settings]answer{
			Protocols:     at(options, "minVersion: 'TLSv1.2',", "maxVersion: 'TLSv1.3',"),
			Suites:        suites,
			Suites13:      suites,
			Groups:        at(options, "ecdhCurve: '"+openSSLGroups(false)+"',"),
			Hybrid:        at(options, "ecdhCurve: '"+openSSLGroups(true)+"',"),
			Renegotiation: at(options, "secureOptions: require('node:crypto').constants.SSL_OP_NO_RENEGOTIATION,"),
			Compression:   words("Node: " + neverCompresses),
			EarlyData:     words("Node: " + noEarlyData),
			Chain:         at(options, "cert: require('node:fs').readFileSync('/etc/ssl/site/fullchain.pem'),").and(words("ca is for the certificates of clients and goes, if it held intermediates")),
			Staple:        words("server.on('OCSPRequest', (cert, issuer, done) => done(null, staple)), where staple is the file of openssl ocsp … -respout, read again each day"),
			Transport:     at(handler, "res.setHeader('Strict-Transport-Security', '"+twoYears+"')"),
		},
	}
}
