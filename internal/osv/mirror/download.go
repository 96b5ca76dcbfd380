package mirror

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/panoplysec/panoply/internal/osv"
)

const (
	partEnding = ".part"
	noteEnding = ".part.json"
	// maxFruitless is how often in a row a download may fail with nothing gained, and
	// maxTries how often in all.
	maxFruitless = 3
	maxTries     = 20
)

// pause is the wait before a download is taken up again, doubled each time that nothing
// was gained.
var pause = time.Second

// A note says what a broken download is of.
type note struct {
	URL  string `json:"url"`
	ETag string `json:"etag"`
	// Total is -1 where the server did not say.
	Total int64 `json:"total"`
}

// final is an error after which another try would end the same way.
type final struct{ error }

func (e final) Unwrap() error { return e.error }

// mayAsk tells whether an address may be asked: https; or http on a loopback address,
// where the one before, if any, was so too.
func mayAsk(u, before *url.URL) bool {
	return u.Scheme == "https" || u.Scheme == "http" && loopback(u.Hostname()) && (before == nil || before.Scheme == "http")
}

func loopback(host string) bool {
	a, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && a.IsLoopback()
}

func newClient(source *url.URL, roots *x509.CertPool) *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			Proxy:                 http.ProxyFromEnvironment,
			DialContext:           (&net.Dialer{Timeout: 30 * time.Second}).DialContext,
			TLSClientConfig:       &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
			TLSHandshakeTimeout:   30 * time.Second,
			ResponseHeaderTimeout: time.Minute,
			// An archive is compressed as it is, and its sums are of what is sent.
			DisableCompression:     true,
			MaxResponseHeaderBytes: 64 << 10,
			ForceAttemptHTTP2:      true,
		},
		CheckRedirect: func(r *http.Request, via []*http.Request) error {
			switch {
			case len(via) > 5:
				return final{errors.New("more than 5 redirects")}
			case !mayAsk(r.URL, source):
				return final{fmt.Errorf("redirects to %s, which is not https", r.URL.Redacted())}
			}
			return nil
		},
	}
}

// download brings the archive into the part file. It is nil where the server has nothing
// newer than etag.
func (m *one) download(ctx context.Context, etag string) (*osv.Fetched, error) {
	var err error
	for tries, fruitless := 0, 0; tries < maxTries && fruitless < maxFruitless; tries++ {
		if fruitless > 0 {
			select {
			case <-time.After(pause << (fruitless - 1)):
			case <-ctx.Done():
			}
		}
		if ctx.Err() != nil {
			break
		}
		var got *osv.Fetched
		var gained bool
		if got, gained, err = m.try(ctx, etag); err == nil {
			return got, nil
		}
		if fruitless++; gained {
			fruitless = 0
		}
		var verification *tls.CertificateVerificationError
		if errors.As(err, new(final)) || errors.As(err, &verification) {
			break
		}
	}
	if info, wrong := os.Stat(m.file(partEnding)); wrong == nil && info.Size() == 0 {
		os.Remove(m.file(partEnding))
		os.Remove(m.file(noteEnding))
	}
	if ctx.Err() != nil {
		return nil, fmt.Errorf("%s: %w; what has come is kept, and the next update goes on from there", m.url, context.Cause(ctx))
	}
	return nil, fmt.Errorf("%s: %w", m.url, err)
}

// try asks once, for what is missing of a broken download or for the whole. It says
// whether something was gained.
func (m *one) try(ctx context.Context, etag string) (got *osv.Fetched, gained bool, err error) {
	f, err := os.OpenFile(m.file(partEnding), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, false, final{err}
	}
	defer f.Close()
	have, at := m.broken(f)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, m.url, nil)
	if err != nil {
		return nil, false, final{err}
	}
	r.Header.Set("Accept-Encoding", "identity")
	switch {
	case at > 0:
		r.Header.Set("Range", fmt.Sprintf("bytes=%d-", at))
		r.Header.Set("If-Range", have.ETag)
	case etag != "":
		r.Header.Set("If-None-Match", etag)
	}
	answer, err := m.client.Do(r)
	if e, ok := errors.AsType[*url.Error](err); ok {
		err = e.Err // the address is told in any case
	}
	if err != nil {
		return nil, false, err
	}
	defer answer.Body.Close()
	switch code := answer.StatusCode; {
	case code == http.StatusNotModified && at == 0 && etag != "":
		f.Close()
		os.Remove(f.Name())
		return nil, false, nil
	case code == http.StatusOK:
		at = 0
		have = note{m.url, answer.Header.Get("ETag"), answer.ContentLength}
	case code == http.StatusPartialContent && at > 0:
		if err := have.goesOn(answer, at); err != nil {
			return nil, false, errors.Join(err, f.Truncate(0)) // from the beginning, the next time
		}
	case code == http.StatusRequestedRangeNotSatisfiable && at > 0:
		return nil, false, errors.Join(errors.New("the server has no more of what was broken off"), f.Truncate(0))
	case code == http.StatusTooManyRequests || code >= 500:
		return nil, false, fmt.Errorf("answers %s", answer.Status)
	default:
		return nil, false, final{fmt.Errorf("answers %s", answer.Status)}
	}
	if e := answer.Header.Get("Content-Encoding"); e != "" && e != "identity" {
		return nil, false, final{fmt.Errorf("is sent with the encoding %.40q, which was not asked for: its sums could not be compared", e)}
	}
	if have.Total > m.o.MaxBytes {
		return nil, false, final{fmt.Errorf("has %d bytes, and %d are the most that is taken", have.Total, m.o.MaxBytes)}
	}
	if err := m.keep(f, have, at); err != nil {
		return nil, false, final{err}
	}
	end, err := m.copy(f, answer.Body, at, have.Total, cancel)
	if err != nil {
		if cause := context.Cause(ctx); errors.Is(cause, errStalled) {
			err = cause
		}
		return nil, end > at, err
	}
	if have.Total >= 0 && end != have.Total {
		return nil, end > at, fmt.Errorf("ends after %d of %d bytes", end, have.Total)
	}
	got, err = m.verify(f, answer.Header, have)
	return got, err == nil, err
}

// broken is what there is of a broken download; 0 where it cannot be gone on with.
func (m *one) broken(f *os.File) (n note, at int64) {
	text, err := os.ReadFile(m.file(noteEnding))
	info, wrong := f.Stat()
	if err != nil || wrong != nil || json.Unmarshal(text, &n) != nil || n.URL != m.url || n.ETag == "" || strings.HasPrefix(n.ETag, "W/") {
		return note{}, 0
	}
	return n, info.Size()
}

// goesOn tells whether a part is the rest of what was broken off.
func (n note) goesOn(answer *http.Response, at int64) error {
	var from, to, total int64
	text := answer.Header.Get("Content-Range")
	if _, err := fmt.Sscanf(text, "bytes %d-%d/%d", &from, &to, &total); err != nil || from != at || to != total-1 || n.Total >= 0 && total != n.Total {
		return fmt.Errorf("gives the part %.80q, and what was broken off is at %d of %d", text, at, n.Total)
	}
	if tag := answer.Header.Get("ETag"); tag != "" && tag != n.ETag {
		return fmt.Errorf("has changed since it was broken off")
	}
	return nil
}

// keep notes what the part file will be of, and brings it to where it goes on.
func (m *one) keep(f *os.File, n note, at int64) error {
	text, err := json.Marshal(n)
	if err != nil {
		return err
	}
	if at == 0 {
		// Never the bytes of one archive under the note of another.
		if err := f.Truncate(0); err != nil {
			return err
		}
		if err := os.WriteFile(m.file(noteEnding), text, 0o600); err != nil {
			return err
		}
	}
	_, err = f.Seek(at, io.SeekStart)
	return err
}

var errStalled = errors.New("nothing comes any more")

// copy writes what comes behind what there is, and returns where it ends.
func (m *one) copy(f *os.File, from io.Reader, at, total int64, cancel context.CancelCauseFunc) (int64, error) {
	stall := time.AfterFunc(m.o.Stall, func() { cancel(errStalled) })
	defer stall.Stop()
	most := m.o.MaxBytes
	if total >= 0 {
		most = min(most, total)
	}
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		stall.Reset(m.o.Stall)
		if at+int64(n) > most {
			return at, final{fmt.Errorf("goes on beyond the %d bytes that are taken", most)}
		}
		if _, err := f.Write(buffer[:n]); err != nil {
			return at, final{err}
		}
		at += int64(n)
		if m.o.Tell != nil && n > 0 {
			m.o.Tell(m.ecosystem, at, total)
		}
		switch {
		case errors.Is(err, io.EOF):
			return at, nil
		case err != nil:
			return at, err
		}
	}
}

// verify compares the whole with the sums that the server gives.
func (m *one) verify(f *os.File, h http.Header, n note) (*osv.Fetched, error) {
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, final{err}
	}
	whole, crc := sha256.New(), crc32.New(crc32.MakeTable(crc32.Castagnoli))
	size, err := io.Copy(io.MultiWriter(whole, crc), f)
	if err != nil {
		return nil, final{err}
	}
	for _, line := range h.Values("X-Goog-Hash") {
		for part := range strings.SplitSeq(line, ",") {
			text, ok := strings.CutPrefix(strings.TrimSpace(part), "crc32c=")
			if !ok {
				continue
			}
			sum, err := base64.StdEncoding.DecodeString(text)
			if err != nil || len(sum) != 4 || binary.BigEndian.Uint32(sum) != crc.Sum32() {
				// Another try begins anew, should the fault be the way's.
				return nil, errors.Join(errors.New("is not what the server says that it is (crc32c)"), f.Truncate(0))
			}
		}
	}
	return &osv.Fetched{URL: m.url, At: time.Now().UTC().Truncate(time.Second), ETag: n.ETag, Bytes: size, SHA256: hex.EncodeToString(whole.Sum(nil))}, nil
}
