package tracing

import (
	"encoding/binary"
	"encoding/json"
	"strconv"
)

// rejected reads ExportTraceServiceResponse in JSON, where the number is text.
func (asJSON) rejected(answer []byte) (int64, string) {
	var said struct {
		Partial struct {
			Rejected json.RawMessage `json:"rejectedSpans"`
			Message  string          `json:"errorMessage"`
		} `json:"partialSuccess"`
	}
	if json.Unmarshal(answer, &said) != nil {
		return 0, ""
	}
	text := string(said.Partial.Rejected)
	if unquoted, err := strconv.Unquote(text); err == nil {
		text = unquoted
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 {
		n = 0
	}
	return n, said.Partial.Message
}

// rejected reads ExportTraceServiceResponse in protobuf. What it cannot read says nothing.
func (asProtobuf) rejected(answer []byte) (n int64, reason string) {
	fields(answer, func(field uint64, _ uint64, partial []byte) {
		if field != 1 || partial == nil {
			return
		}
		fields(partial, func(field, number uint64, text []byte) {
			switch {
			case field == 1 && text == nil && int64(number) > 0:
				n = int64(number)
			case field == 2 && text != nil:
				reason = string(text)
			}
		})
	})
	return n, reason
}

// fields calls f for each field of a protobuf message, until one is broken. Text is nil for
// a number.
func fields(b []byte, f func(field, number uint64, text []byte)) {
	for len(b) > 0 {
		tag, n := binary.Uvarint(b)
		if n <= 0 {
			return
		}
		b = b[n:]
		switch tag & 7 {
		case varint:
			number, n := binary.Uvarint(b)
			if n <= 0 {
				return
			}
			b = b[n:]
			f(tag>>3, number, nil)
		case lengthed:
			size, n := binary.Uvarint(b)
			if n <= 0 || size > uint64(len(b)-n) {
				return
			}
			f(tag>>3, 0, b[n:n+int(size):n+int(size)])
			b = b[n+int(size):]
		case fixed64:
			if len(b) < 8 {
				return
			}
			b = b[8:]
		case fixed32:
			if len(b) < 4 {
				return
			}
			b = b[4:]
		default:
			return
		}
	}
}
