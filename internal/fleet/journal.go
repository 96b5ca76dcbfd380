package fleet

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"
	"time"

	"github.com/panoplysec/panoply/internal/filelock"
)

// head is the first line of a journal: a file that begins otherwise is somebody else's,
// and is not touched.
const head = `{"journal":"panoply.fleet/1"}` + "\n"

const (
	// maxEntry is how many bytes one line of a journal may have.
	maxEntry = 64 << 20
	// between is the time between two waits for the disk. A process that is killed loses
	// nothing, a machine that loses power loses what these seconds brought.
	between = time.Second
)

// A Journal is a file of results, one JSON line each, that is only appended to. Each has
// the key of what was asked, so that an answer to another question is never taken for
// this one. A last line that was torn, and any line that cannot be read, counts as not
// there. Safe for concurrent use; another process gets ErrInUse.
type Journal struct {
	mu     sync.Mutex
	f      *os.File
	index  map[string]place
	end    int64
	synced time.Time
}

// A place is where the document of an entry is.
type place struct {
	at     int64
	length int
}

// An Entry is a line of a journal.
type Entry struct {
	// Key tells what was asked; it is made by [Key].
	Key string `json:"key"`
	// At is when it was answered.
	At time.Time `json:"at"`
	// Target is for people; nothing is decided by it.
	Target string          `json:"target"`
	Result json.RawMessage `json:"result"`
}

// The errors of OpenJournal.
var (
	ErrNoJournal = errors.New("it is no journal of a run over many targets")
	ErrInUse     = errors.New("another run uses it")
)

// Key is a digest of all that makes a question.
func Key(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		binary.Write(h, binary.BigEndian, uint64(len(p)))
		io.WriteString(h, p)
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// OpenJournal opens a journal, or makes one. What a report says of servers is for the
// owner of the file alone.
func OpenJournal(name string) (_ *Journal, err error) {
	if info, err := os.Stat(name); err == nil && !info.Mode().IsRegular() {
		return nil, &fs.PathError{Op: "open", Path: name, Err: ErrNoJournal}
	}
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	j := &Journal{f: f, index: make(map[string]place)}
	defer func() {
		if err != nil {
			f.Close()
			err = &fs.PathError{Op: "open", Path: name, Err: err}
		}
	}()
	switch err := filelock.Try(f); {
	case errors.Is(err, filelock.ErrHeld):
		return nil, ErrInUse
	case err != nil && !errors.Is(err, errors.ErrUnsupported): // without locks one run at a time is the user's care
		return nil, err
	}
	if err := j.read(); err != nil {
		return nil, err
	}
	return j, nil
}

// read finds the entries.
func (j *Journal) read() error {
	r := bufio.NewReaderSize(j.f, 1<<20)
	first := make([]byte, len(head))
	n, err := io.ReadFull(r, first)
	switch {
	case err == nil && string(first) == head:
		j.end = int64(n)
	case (errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)) && bytes.HasPrefix([]byte(head), first[:n]):
		// Empty, or ended while it was made.
		if err := j.f.Truncate(0); err != nil {
			return err
		}
		return j.write([]byte(head))
	case err == nil || errors.Is(err, io.ErrUnexpectedEOF):
		return ErrNoJournal
	default:
		return err
	}
	for {
		text, whole, err := readLine(r)
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if whole > 0 {
			var e Entry
			if json.Unmarshal(text, &e) == nil && e.Key != "" && len(e.Result) > 0 {
				j.index[e.Key] = place{j.end, len(text)}
			}
		}
		j.end += int64(whole)
		if err != nil {
			break
		}
	}
	// A torn line is closed, so that the next one begins its own.
	last := make([]byte, 1)
	if _, err := j.f.ReadAt(last, j.end-1); err != nil {
		return err
	}
	if last[0] != '\n' {
		return j.write([]byte("\n"))
	}
	return nil
}

// readLine returns a line without its end, and how long it is with it; of a line that is
// too long only that.
func readLine(r *bufio.Reader) (text []byte, whole int, err error) {
	for {
		part, err := r.ReadSlice('\n')
		whole += len(part)
		if len(text) <= maxEntry {
			text = append(text, part...)
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if len(text) > maxEntry {
			text = nil
		}
		return bytes.TrimSuffix(text, []byte("\n")), whole, err
	}
}

// write appends, and takes back what was written in part: the disk may have room again
// when the next comes.
func (j *Journal) write(text []byte) error {
	n, err := j.f.WriteAt(text, j.end)
	if err != nil {
		if n > 0 {
			j.f.Truncate(j.end)
		}
		return err
	}
	j.end += int64(n)
	return nil
}

// Has says whether there is an entry with this key.
func (j *Journal) Has(key string) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	_, ok := j.index[key]
	return ok
}

// Find returns the entry with this key.
func (j *Journal) Find(key string) (Entry, bool) {
	j.mu.Lock()
	at, ok := j.index[key]
	j.mu.Unlock()
	var e Entry
	if !ok {
		return e, false
	}
	text := make([]byte, at.length)
	if _, err := j.f.ReadAt(text, at.at); err != nil || json.Unmarshal(text, &e) != nil || e.Key != key {
		return Entry{}, false
	}
	return e, true
}

// Len is how many entries there are.
func (j *Journal) Len() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return len(j.index)
}

// Add appends an entry. When it returns, the entry outlives the process; a second later,
// or after Close, it outlives the machine.
func (j *Journal) Add(e Entry) error {
	text, err := json.Marshal(e)
	if err != nil {
		return err
	}
	if len(text) > maxEntry {
		return fmt.Errorf("the result of %s has %d bytes, more than the %d of a journal's line", e.Target, len(text), maxEntry)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	at := j.end
	if err := j.write(append(text, '\n')); err != nil {
		return err
	}
	j.index[e.Key] = place{at, len(text)}
	if time.Since(j.synced) < between {
		return nil
	}
	j.synced = time.Now()
	return j.f.Sync()
}

// Close waits for the disk and closes the file.
func (j *Journal) Close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return errors.Join(j.f.Sync(), j.f.Close())
}
