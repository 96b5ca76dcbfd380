package tracing

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"

	"github.com/panoplysec/panoply/guard"
)

// The signal's own variable wins over the one for all signals.
const (
	forAll    = "OTEL_EXPORTER_OTLP_"
	forTraces = "OTEL_EXPORTER_OTLP_TRACES_"
)

// env reads variables and collects what is wrong with them. An empty variable is one that is not set.
type env struct {
	lookup   func(string) (string, bool)
	problems guard.Problems
}

func (e *env) get(name string) string {
	value, _ := e.lookup(name)
	return strings.TrimSpace(value)
}

// exporter reads a variable of the exporter, and which of the two it was.
func (e *env) exporter(name string) (value, from string) {
	if value = e.get(forTraces + name); value != "" {
		return value, forTraces + name
	}
	return e.get(forAll + name), forAll + name
}

func (e *env) bad(name, value, allowed string) { e.problems.Add(name, value, allowed, "") }

func (e *env) oneOf(name, value, usual string, allowed ...string) string {
	if value == "" {
		return usual
	}
	if !slices.Contains(allowed, value) {
		e.bad(name, value, "one of "+strings.Join(allowed, ", "))
	}
	return value
}

// number reads a whole number from least to most.
func (e *env) number(name, value string, usual, least, most int) int {
	if value == "" {
		return usual
	}
	n, err := strconv.Atoi(value)
	if err != nil || n < least || n > most {
		e.bad(name, value, fmt.Sprintf("a whole number from %d to %d", least, most))
		return usual
	}
	return n
}

const maxMillis = 3_600_000 // an hour

func (e *env) millis(name, value string, usual time.Duration) time.Duration {
	return time.Duration(e.number(name, value, int(usual.Milliseconds()), 1, maxMillis)) * time.Millisecond
}

// pairs reads "key=value,key=value" with percent-encoded values, as W3C Baggage has them.
func (e *env) pairs(name, value string) map[string]string {
	out := map[string]string{}
	for pair := range strings.SplitSeq(value, ",") {
		if strings.TrimSpace(pair) == "" {
			continue
		}
		key, text, found := strings.Cut(pair, "=")
		key = strings.TrimSpace(key)
		decoded, err := url.PathUnescape(strings.TrimSpace(text))
		if !found || key == "" || err != nil {
			e.bad(name, "a pair that is none", "key=value,key=value with percent-encoded values") // its text may be secret
			continue
		}
		out[key] = decoded
	}
	return out
}

// FromEnv reads the variables of the OpenTelemetry specification. On tells whether traces
// are wanted: OTEL_EXPORTER_OTLP_ENDPOINT or OTEL_EXPORTER_OTLP_TRACES_ENDPOINT is set, and
// neither OTEL_SDK_DISABLED nor OTEL_TRACES_EXPORTER=none says no. Only then is the rest
// looked at. Unlike the SDKs, which go on with a default, it makes every value
// that it does not understand an error; all are reported at once.
func FromEnv(lookup func(string) (string, bool)) (o Options, on bool, err error) {
	e := &env{lookup: lookup, problems: guard.Problems{Package: "tracing"}}
	if strings.EqualFold(e.get("OTEL_SDK_DISABLED"), "true") || e.get("OTEL_TRACES_EXPORTER") == "none" {
		return Options{}, false, nil
	}
	endpoint, from := e.exporter("ENDPOINT")
	if endpoint == "" {
		return Options{}, false, nil
	}
	e.oneOf("OTEL_TRACES_EXPORTER", e.get("OTEL_TRACES_EXPORTER"), "otlp", "otlp", "none")
	o.Endpoint = e.endpoint(from, endpoint)
	value, from := e.exporter("PROTOCOL")
	o.Protocol = Protocol(e.oneOf(from, value, string(Protobuf), string(Protobuf), string(JSON)))
	value, from = e.exporter("COMPRESSION")
	o.Gzip = e.oneOf(from, value, "none", "none", "gzip") == "gzip"
	value, from = e.exporter("TIMEOUT")
	o.Timeout = e.millis(from, value, 10*time.Second)
	o.Headers = e.headers()
	o.Roots = e.roots()
	for _, name := range []string{"CLIENT_KEY", "CLIENT_CERTIFICATE"} {
		if value, from := e.exporter(name); value != "" {
			e.bad(from, value, "not set: client certificates are not supported")
		}
	}
	o.Resource = e.pairs("OTEL_RESOURCE_ATTRIBUTES", e.get("OTEL_RESOURCE_ATTRIBUTES"))
	o.Service = o.Resource["service.name"]
	delete(o.Resource, "service.name")
	if name := e.get("OTEL_SERVICE_NAME"); name != "" {
		o.Service = name
	}
	if o.Service == "" {
		o.Service = "panoply"
	}
	o.Sampler = e.sampler()
	o.Delay = e.millis("OTEL_BSP_SCHEDULE_DELAY", e.get("OTEL_BSP_SCHEDULE_DELAY"), 5*time.Second)
	o.ExportTimeout = e.millis("OTEL_BSP_EXPORT_TIMEOUT", e.get("OTEL_BSP_EXPORT_TIMEOUT"), 30*time.Second)
	o.Queue = e.number("OTEL_BSP_MAX_QUEUE_SIZE", e.get("OTEL_BSP_MAX_QUEUE_SIZE"), 2048, 1, 1<<20)
	o.Batch = e.number("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", e.get("OTEL_BSP_MAX_EXPORT_BATCH_SIZE"), min(512, o.Queue), 1, o.Queue)
	return o, true, e.problems.Err()
}

// endpoint is the address of the traces: the general one is a base below which they have
// their place, the traces' own is taken as it is.
func (e *env) endpoint(from, value string) string {
	u, err := url.Parse(value)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.Fragment != "" {
		if err == nil && u.User != nil {
			value = "an address with a user"
		}
		e.bad(from, value, "an address such as http://127.0.0.1:4318, without a user (OTEL_EXPORTER_OTLP_HEADERS carries secrets)")
		return ""
	}
	if from == forAll+"ENDPOINT" {
		u = u.JoinPath("v1", "traces")
	} else if u.Path == "" {
		u.Path = "/"
	}
	return u.String()
}

func (e *env) headers() map[string]string {
	out := map[string]string{}
	for _, name := range []string{forAll + "HEADERS", forTraces + "HEADERS"} {
		given := e.pairs(name, e.get(name))
		for _, key := range slices.Sorted(maps.Keys(given)) {
			if !httpguts.ValidHeaderFieldName(key) || !httpguts.ValidHeaderFieldValue(given[key]) {
				e.bad(name, "a field that HTTP does not have", "names and values of HTTP fields")
				continue
			}
			out[http.CanonicalHeaderKey(key)] = given[key]
		}
	}
	return out
}

func (e *env) roots() []byte {
	path, from := e.exporter("CERTIFICATE")
	if path == "" {
		return nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		e.problems.Note(fmt.Errorf("tracing: %s: %w", from, err))
	}
	return text
}

func (e *env) sampler() Sampler {
	const name, arg = "OTEL_TRACES_SAMPLER", "OTEL_TRACES_SAMPLER_ARG"
	kind := e.oneOf(name, e.get(name), "parentbased_always_on", "always_on", "always_off", "traceidratio",
		"parentbased_always_on", "parentbased_always_off", "parentbased_traceidratio")
	bare, parent := strings.CutPrefix(kind, "parentbased_")
	s := Sampler{Ratio: 1, ParentBased: parent}
	switch bare {
	case "always_off":
		s.Ratio = 0
	case "traceidratio":
		if value := e.get(arg); value != "" {
			ratio, err := strconv.ParseFloat(value, 64)
			if err != nil || !(ratio >= 0 && ratio <= 1) {
				e.bad(arg, value, "a number from 0 to 1")
			}
			s.Ratio = ratio
		}
	}
	return s
}
