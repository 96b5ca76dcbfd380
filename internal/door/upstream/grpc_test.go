package upstream_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/panoplysec/panoply/internal/door/upstream"
)

// grpcMessage frames one message of gRPC: a flag, a length, the text.
func grpcMessage(text string) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(text))), text...)
}

func readGRPC(r io.Reader) (string, error) {
	var head [5]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return "", err
	}
	text := make([]byte, binary.BigEndian.Uint32(head[1:]))
	_, err := io.ReadFull(r, text)
	return string(text), err
}

// grpcApp speaks as much gRPC as a proxy can break: unary calls, streams either way and both
// ways, a status in trailers, and an answer of trailers only.
func grpcApp(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	if r.ProtoMajor != 2 || r.Header.Get("Te") != "trailers" {
		http.Error(w, fmt.Sprintf("gRPC over %s with te %q", r.Proto, r.Header.Get("Te")), http.StatusHTTPVersionNotSupported)
		return
	}
	h.Set("Content-Type", "application/grpc")
	if r.URL.Path == "/shop.Cart/Missing" {
		h.Set("Grpc-Status", "12") // the head is the end
		return
	}
	h.Set("Trailer", "Grpc-Status")
	rc := http.NewResponseController(w)
	_ = rc.Flush()
	n := 0
	for {
		text, err := readGRPC(r.Body)
		if err != nil {
			break
		}
		n++
		if r.URL.Path == "/shop.Cart/Chat" {
			_, _ = w.Write(grpcMessage("re: " + text))
			_ = rc.Flush()
		}
	}
	if r.URL.Path == "/shop.Cart/Sum" {
		_, _ = w.Write(grpcMessage(fmt.Sprint(n)))
	}
	h.Set("Grpc-Status", "0")
	h.Set(http.TrailerPrefix+"Grpc-Message", "said late") // not announced
}

func grpcCall(t *testing.T, client *http.Client, url string, body io.Reader) *http.Response {
	t.Helper()
	req, _ := http.NewRequest("POST", url, body)
	req.Header.Set("Content-Type", "application/grpc")
	req.Header.Set("Te", "trailers")
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { res.Body.Close() })
	return res
}

func TestGRPC(t *testing.T) {
	was := reverse
	reverse = true
	defer func() { reverse = was }()
	for name, start := range map[string]func(*testing.T, http.Handler) func(*upstream.Options){"h2c": onH2C, "https": overTLS(true)} {
		t.Run(name, func(t *testing.T) {
			f := behindHTTP2(t, "", start(t, http.HandlerFunc(grpcApp)))
			client := f.Client()

			res := grpcCall(t, client, f.URL+"/shop.Cart/Sum", bytes.NewReader(append(grpcMessage("a"), grpcMessage("b")...)))
			text, err := readGRPC(res.Body)
			_, _ = io.Copy(io.Discard, res.Body)
			if text != "2" || err != nil || res.Trailer.Get("Grpc-Status") != "0" || res.Trailer.Get("Grpc-Message") != "said late" {
				t.Errorf("Sum = %q, %v, trailers %v", text, err, res.Trailer)
			}

			res = grpcCall(t, client, f.URL+"/shop.Cart/Missing", bytes.NewReader(grpcMessage("a")))
			if _, err := io.Copy(io.Discard, res.Body); err != nil || res.StatusCode != 200 || res.Header.Get("Grpc-Status") != "12" {
				t.Errorf("Missing = %d %v, %v, want status 12 in the head", res.StatusCode, res.Header, err)
			}

			// Both ways: each message is answered before the next is sent.
			in, out := io.Pipe()
			res = grpcCall(t, client, f.URL+"/shop.Cart/Chat", in)
			for i := range 5 {
				sent := time.Now()
				go func() { _, _ = out.Write(grpcMessage(fmt.Sprint(i))) }()
				text, err := readGRPC(res.Body)
				if want := fmt.Sprint("re: ", i); text != want || err != nil {
					t.Fatalf("Chat = %q, %v, want %q", text, err, want)
				}
				if took := time.Since(sent); took > 10*time.Second {
					t.Errorf("an answer took %v", took)
				}
			}
			out.Close()
			if _, err := io.Copy(io.Discard, res.Body); err != nil || res.Trailer.Get("Grpc-Status") != "0" {
				t.Errorf("Chat ends with %v, trailers %v", err, res.Trailer)
			}
		})
	}
}
