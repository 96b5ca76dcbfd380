package tracing_test

import (
	"errors"
	"io/fs"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/panoplysec/panoply/guard"
	"github.com/panoplysec/panoply/internal/door/tracing"
)

func fromEnv(set map[string]string) (tracing.Options, bool, error) {
	return tracing.FromEnv(func(name string) (string, bool) {
		value, ok := set[name]
		return value, ok
	})
}

func TestFromEnvOff(t *testing.T) {
	for name, set := range map[string]map[string]string{
		"nothing":         {},
		"empty":           {"OTEL_EXPORTER_OTLP_ENDPOINT": ""},
		"service alone":   {"OTEL_SERVICE_NAME": "shop", "OTEL_TRACES_SAMPLER": "wrong"},
		"disabled":        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318", "OTEL_SDK_DISABLED": "TRUE"},
		"no exporter":     {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318", "OTEL_TRACES_EXPORTER": "none"},
		"metrics of ours": {"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://c:4318"},
	} {
		if o, on, err := fromEnv(set); on || err != nil {
			t.Errorf("%s: FromEnv = %+v, %v, %v, want off", name, o, on, err)
		}
	}
}

func TestFromEnv(t *testing.T) {
	o, on, err := fromEnv(map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318/"})
	want := tracing.Options{
		Endpoint: "http://collector:4318/v1/traces", Protocol: tracing.Protobuf, Headers: map[string]string{}, Timeout: 10 * time.Second,
		Service: "panoply", Resource: map[string]string{}, Sampler: tracing.Sampler{Ratio: 1, ParentBased: true},
		Delay: 5 * time.Second, ExportTimeout: 30 * time.Second, Queue: 2048, Batch: 512,
	}
	if err != nil || !on || !reflect.DeepEqual(o, want) {
		t.Errorf("FromEnv = %+v, %v, %v\nwant %+v", o, on, err, want)
	}
	o, on, err = fromEnv(map[string]string{
		"OTEL_EXPORTER_OTLP_ENDPOINT": "http://other:1", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "https://collector/in",
		"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/json", "OTEL_TRACES_EXPORTER": "otlp",
		"OTEL_EXPORTER_OTLP_HEADERS": "authorization=Bearer%20abc, x-a=1", "OTEL_EXPORTER_OTLP_TRACES_HEADERS": "x-a=2",
		"OTEL_EXPORTER_OTLP_COMPRESSION": "gzip", "OTEL_EXPORTER_OTLP_TIMEOUT": "2500",
		"OTEL_RESOURCE_ATTRIBUTES": "service.name=ignored,deployment.environment.name=prod,a=b%2Cc", "OTEL_SERVICE_NAME": "door",
		"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.25",
		"OTEL_BSP_SCHEDULE_DELAY": "100", "OTEL_BSP_EXPORT_TIMEOUT": "200", "OTEL_BSP_MAX_QUEUE_SIZE": "10", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "5",
	})
	want = tracing.Options{
		Endpoint: "https://collector/in", Protocol: tracing.JSON, Headers: map[string]string{"Authorization": "Bearer abc", "X-A": "2"}, Gzip: true,
		Timeout: 2500 * time.Millisecond, Service: "door", Resource: map[string]string{"deployment.environment.name": "prod", "a": "b,c"},
		Sampler: tracing.Sampler{Ratio: 0.25}, Delay: 100 * time.Millisecond, ExportTimeout: 200 * time.Millisecond, Queue: 10, Batch: 5,
	}
	if err != nil || !on || !reflect.DeepEqual(o, want) {
		t.Errorf("FromEnv = %+v, %v, %v\nwant %+v", o, on, err, want)
	}
	for kind, want := range map[string]tracing.Sampler{
		"always_on": {Ratio: 1}, "always_off": {}, "parentbased_always_off": {ParentBased: true}, "parentbased_traceidratio": {Ratio: 1, ParentBased: true},
	} {
		if o, _, err := fromEnv(map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c", "OTEL_TRACES_SAMPLER": kind}); err != nil || o.Sampler != want {
			t.Errorf("%s = %+v, %v, want %+v", kind, o.Sampler, err, want)
		}
	}
}

func TestFromEnvTellsEveryProblem(t *testing.T) {
	_, on, err := fromEnv(map[string]string{
		"OTEL_EXPORTER_OTLP_ENDPOINT": "http://user:s3cret@collector:4318", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
		"OTEL_EXPORTER_OTLP_COMPRESSION": "zstd", "OTEL_EXPORTER_OTLP_TIMEOUT": "10s", "OTEL_EXPORTER_OTLP_HEADERS": "s3cret,a\n=1,b=%zz",
		"OTEL_EXPORTER_OTLP_CERTIFICATE": "/nonexistent/ca.pem", "OTEL_EXPORTER_OTLP_CLIENT_KEY": "key.pem",
		"OTEL_TRACES_EXPORTER": "console", "OTEL_TRACES_SAMPLER": "sometimes", "OTEL_BSP_MAX_QUEUE_SIZE": "0",
		"OTEL_BSP_SCHEDULE_DELAY": "-1", "OTEL_RESOURCE_ATTRIBUTES": "nothing",
	})
	if !on || err == nil || strings.Contains(err.Error(), "s3cret") || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("FromEnv = %v, %v, want all problems and no secret", on, err)
	}
	fields := map[string]bool{}
	for _, p := range guard.OptionErrors(err) {
		fields[p.Field] = true
	}
	for _, name := range []string{"OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_EXPORTER_OTLP_COMPRESSION", "OTEL_EXPORTER_OTLP_TIMEOUT",
		"OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_CLIENT_KEY", "OTEL_TRACES_EXPORTER", "OTEL_TRACES_SAMPLER", "OTEL_BSP_MAX_QUEUE_SIZE",
		"OTEL_BSP_SCHEDULE_DELAY", "OTEL_RESOURCE_ATTRIBUTES"} {
		if !fields[name] {
			t.Errorf("%s is not named in %v", name, err)
		}
	}
	for _, bad := range []string{"collector:4318", "ftp://c", "http://", "unix:///x", "http://c/#f"} {
		if _, _, err := fromEnv(map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": bad}); err == nil {
			t.Errorf("the endpoint %q is taken", bad)
		}
	}
	for _, bad := range []string{"2", "-1", "NaN", "x"} {
		if _, _, err := fromEnv(map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c", "OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": bad}); err == nil {
			t.Errorf("the ratio %q is taken", bad)
		}
	}
}
