package conceal

// The lists below are in lower case. An entry that ends in "*" stands for every name
// that begins so.

// bannerNames are headers that tell what made an answer and have no use for whoever
// gets it. The base is the OWASP Secure Headers Project's list of headers to remove
// (as of 2026-07-19), less those in choiceNames; the rest are the same kind of header
// from products that it does not list.
var bannerNames = []string{
	// Servers and runtimes.
	"server", "powered-by", "x-powered-by", "x-powered-by-*", "x-server-powered-by", "x-cf-powered-by",
	"x-powered-cms", "x-aspnet-version", "x-aspnetmvc-version", "x-aspnetwebpages-version", "x-php-version",
	"x-runtime", "x-rack-cache", "x-owa-version", "x-feserver", "x-beserver", "x-calculatedbetarget",
	"x-diaginfo", "x-sourcefiles", "x-old-content-length", "x-turbo-charged-by", "x-framework",
	"x-server-name", "x-backend", "x-backend-server", "x-upstream",
	// Content management and shops.
	"x-generator", "x-generated-by", "x-cms", "x-drupal-*", "x-joomla-version", "x-umbraco-version",
	"x-cocoon-version", "x-redirect-by", "x-content-encoded-by", "x-magento-*", "x-typo3-*", "x-hacker",
	"x-sitecore-*", "x-kentico-*", "liferay-portal", "oraclecommercecloud-version", "pega-host", "product",
	"host-header", "wpe-backend", "x-shopware-*", "x-ghost-cache-status",
	// Frameworks.
	"x-nextjs-cache", "x-nextjs-page", "x-debug-token", "x-debug-token-link", "x-debug-exception",
	"x-debug-exception-file", "x-cake-*", "x-woodpecker-version", "x-jitsi-release", "x-gitlab-meta",
	// Proxies, caches and meshes.
	"via", "x-varnish", "x-varnish-*", "x-litespeed-*", "x-mod-pagespeed", "x-page-speed", "x-envoy-*",
	"x-kong-*", "x-tyk-trace-id", "x-backside-transport", "x-kubernetes-pf-*", "k-proxy-request",
	"x-render-origin-server", "x-pantheon-styx-hostname", "x-traefik-*", "x-squid-*",
	// Monitoring agents and application servers.
	"$wsep", "x-oneagent-js-injection", "x-ruxit-js-agent", "x-dtagentid", "x-dthealthcheck",
	"x-dtinjectedservlet", "x-oracle-dms-*", "x-newrelic-*",
}

// scriptNames are banners too, but the framework's own script in the browser reads
// them: they stay on answers to scripts.
var scriptNames = []string{"x-nextjs-*", "x-atmosphere-*"}

// choiceNames are on OWASP's list or akin to it, but debuggers, monitoring or clients
// use them: they go only when Options.Also names them.
var choiceNames = []string{
	"sourcemap", "x-sourcemap", "server-timing", "traceparent", "tracestate", "x-b3-*", "x-datadog-*",
}

// scriptRequests are request headers by which the scripts that scriptNames are for
// can be told where the browser sends no Sec-Fetch-Dest.
var scriptRequests = []string{"X-Requested-With", "X-Nextjs-Data", "Rsc", "Next-Action", "X-Atmosphere-Framework"}

// viaProducts are the words by which a Via pseudonym is that of a product. RFC 9110
// section 7.6.3 wants Via from every gateway but lets it be a pseudonym, so others
// stay.
var viaProducts = []string{
	"varnish", "caddy", "squid", "nginx", "openresty", "vegur", "heroku", "cloudfront", "google", "haproxy",
	"traefik", "envoy", "kong", "apache", "ats", "trafficserver", "akamai", "apigee", "netscaler", "ns-cache",
	"spaces-router", "tinyproxy", "polipo", "privoxy", "fastly", "kestrel", "iis", "tyk", "zuul", "wso2",
}

// vitalNames must not be named in Options.Also: without them the answer is another.
var vitalNames = []string{
	"access-control-*", "allow", "cache-control", "connection", "content-*", "date", "etag", "expires",
	"last-modified", "link", "location", "proxy-authenticate", "retry-after", "sec-websocket-*", "set-cookie",
	"strict-transport-security", "trailer", "transfer-encoding", "upgrade", "vary", "www-authenticate",
	"x-content-type-options", "x-frame-options",
}
