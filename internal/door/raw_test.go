package door_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"testing"
)

// readAnswer reads one answer from a raw connection.
func readAnswer(t *testing.T, conn net.Conn) (*http.Response, string) {
	t.Helper()
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatalf("no answer: %v", err)
	}
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatalf("answer cut: %v", err)
	}
	res.Body.Close()
	return res, string(body)
}
