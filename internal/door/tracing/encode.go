package tracing

import (
	"encoding/binary"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/panoplysec/panoply/internal/door/jsontext"
)

// scope is who records.
const scope = "github.com/panoplysec/panoply/internal/door"

// An encoding writes spans one by one, and batches of what it has written.
type encoding interface {
	contentType() string
	span(b []byte, s *span) []byte
	// batch appends a whole request with spans as span wrote them.
	batch(b []byte, spans [][]byte) []byte
	// rejected reads an answer to it: how many spans were not taken, and why.
	rejected(answer []byte) (n int64, reason string)
}

// resource lists the attributes of the resource in order.
func (o *Options) resource() []attr {
	all := []attr{{key: "service.name", text: o.Service}, {key: "telemetry.sdk.language", text: "go"}, {key: "telemetry.sdk.name", text: "panoply"}}
	for _, key := range slices.Sorted(maps.Keys(o.Resource)) {
		all = append(all, attr{key: key, text: o.Resource[key]})
	}
	return all
}

// asJSON is OTLP's JSON: ids in hexadecimal, 64 bit numbers as text, enumerations as
// numbers.
//
// Source: OTLP specification, JSON Protobuf Encoding.
type asJSON struct{ head string }

func newJSON(o *Options) asJSON {
	b := appendJSONAttrs([]byte(`{"resourceSpans":[{"resource":{"attributes":`), o.resource())
	b = append(b, `},"scopeSpans":[{"scope":{"name":"`...)
	b = append(jsontext.Escape(b, scope), `"},"spans":[`...)
	return asJSON{string(b)}
}

func (asJSON) contentType() string { return "application/json" }

func (asJSON) span(b []byte, s *span) []byte {
	b = append(jsontext.Hex(append(b, `{"traceId":"`...), s.trace[:]), `","spanId":"`...)
	b = jsontext.Hex(b, s.id[:])
	if s.parent != [8]byte{} {
		b = jsontext.Hex(append(b, `","parentSpanId":"`...), s.parent[:])
	}
	b = strconv.AppendUint(append(b, `","flags":`...), uint64(s.flags), 10)
	b = jsontext.Append(append(b, `,"name":`...), s.name, maxText)
	b = strconv.AppendUint(append(b, `,"kind":`...), uint64(s.kind), 10)
	b = strconv.AppendUint(append(b, `,"startTimeUnixNano":"`...), nanos(s.start), 10)
	b = strconv.AppendUint(append(b, `","endTimeUnixNano":"`...), nanos(s.end), 10)
	b = appendJSONAttrs(append(b, `","attributes":`...), s.attrs)
	if s.failed {
		b = append(b, `,"status":{"code":2}`...)
	}
	return append(b, '}')
}

func appendJSONAttrs(b []byte, attrs []attr) []byte {
	b = append(b, '[')
	for i := range attrs {
		if i > 0 {
			b = append(b, ',')
		}
		a := &attrs[i]
		b = jsontext.Append(append(b, `{"key":`...), a.key, maxText)
		if a.isNumber {
			b = strconv.AppendInt(append(b, `,"value":{"intValue":"`...), a.number, 10)
			b = append(b, `"}}`...)
			continue
		}
		b = jsontext.Append(append(b, `,"value":{"stringValue":`...), a.text, maxText)
		b = append(b, `}}`...)
	}
	return append(b, ']')
}

func (e asJSON) batch(b []byte, spans [][]byte) []byte {
	size := len(e.head) + len(spans) + 8
	for _, s := range spans {
		size += len(s)
	}
	b = append(slices.Grow(b, size), e.head...)
	for i, s := range spans {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, s...)
	}
	return append(b, `]}]}]}`...)
}

// asProtobuf is the binary form. The numbers are those of the fields in
// opentelemetry/proto/collector/trace/v1 and opentelemetry/proto/trace/v1.
type asProtobuf struct{ resource, scope []byte }

func newProtobuf(o *Options) asProtobuf {
	var resource []byte
	for _, a := range o.resource() {
		resource = appendMessage(resource, 1, appendAttr(nil, &a))
	}
	return asProtobuf{resource, appendText(nil, 1, scope)}
}

func (asProtobuf) contentType() string { return "application/x-protobuf" }

// The wire types of protobuf.
const (
	varint   = 0
	fixed64  = 1
	lengthed = 2
	fixed32  = 5
)

func appendTag(b []byte, field, wire uint64) []byte { return binary.AppendUvarint(b, field<<3|wire) }

func appendMessage(b []byte, field uint64, message []byte) []byte {
	b = binary.AppendUvarint(appendTag(b, field, lengthed), uint64(len(message)))
	return append(b, message...)
}

// appendText appends a string, which protobuf wants to be UTF-8.
func appendText(b []byte, field uint64, text string) []byte {
	text = strings.ToValidUTF8(text, "\ufffd")
	b = binary.AppendUvarint(appendTag(b, field, lengthed), uint64(len(text)))
	return append(b, text...)
}

func appendTime(b []byte, field, nanos uint64) []byte {
	return binary.LittleEndian.AppendUint64(appendTag(b, field, fixed64), nanos)
}

func appendAttr(b []byte, a *attr) []byte {
	b = appendText(b, 1, a.key)
	var buf [maxText + 16]byte
	value := buf[:0]
	if a.isNumber {
		value = binary.AppendUvarint(appendTag(value, 3, varint), uint64(a.number))
	} else {
		value = appendText(value, 1, a.text)
	}
	return appendMessage(b, 2, value)
}

func (asProtobuf) span(b []byte, s *span) []byte {
	b = appendMessage(b, 1, s.trace[:])
	b = appendMessage(b, 2, s.id[:])
	if s.parent != [8]byte{} {
		b = appendMessage(b, 4, s.parent[:])
	}
	b = appendText(b, 5, s.name)
	b = binary.AppendUvarint(appendTag(b, 6, varint), uint64(s.kind))
	b = appendTime(b, 7, nanos(s.start))
	b = appendTime(b, 8, nanos(s.end))
	var buf [2 * maxText]byte
	for i := range s.attrs {
		b = appendMessage(b, 9, appendAttr(buf[:0], &s.attrs[i]))
	}
	if s.failed {
		b = appendMessage(b, 15, []byte{3 << 3, 2}) // Status{code: STATUS_CODE_ERROR}
	}
	return binary.LittleEndian.AppendUint32(appendTag(b, 16, fixed32), s.flags)
}

func (e asProtobuf) batch(b []byte, spans [][]byte) []byte {
	within := messageLen(e.scope)
	for _, s := range spans {
		within += messageLen(s)
	}
	all := messageLen(e.resource) + lengthedLen(within)
	b = slices.Grow(b, lengthedLen(all))
	b = binary.AppendUvarint(appendTag(b, 1, lengthed), uint64(all))
	b = appendMessage(b, 1, e.resource)
	b = binary.AppendUvarint(appendTag(b, 2, lengthed), uint64(within))
	b = appendMessage(b, 1, e.scope)
	for _, s := range spans {
		b = appendMessage(b, 2, s)
	}
	return b
}

// messageLen is the length of what appendMessage appends for a field below 16.
func messageLen(message []byte) int { return lengthedLen(len(message)) }

func lengthedLen(n int) int {
	size := 2 + n // the tag, and the last byte of the length
	for rest := n >> 7; rest > 0; rest >>= 7 {
		size++
	}
	return size
}
