package cli

import (
	"io"
	"os"
	"sync/atomic"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
	"golang.org/x/term"
)

// progress shows on a terminal how far an audit or a download is; elsewhere it is silent.
type progress struct {
	all  *mpb.Progress
	bar  *mpb.Bar
	last atomic.Value
}

func newProgress(w io.Writer, of string) *progress {
	return newBar(w, decor.CountersNoUnit("%d/%d "+of+" "))
}

func newBar(w io.Writer, count decor.Decorator) *progress {
	p := new(progress)
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return p
	}
	p.last.Store("")
	p.all = mpb.New(mpb.WithOutput(f), mpb.WithWidth(30))
	p.bar = p.all.AddBar(0, mpb.BarRemoveOnComplete(),
		mpb.PrependDecorators(count),
		mpb.AppendDecorators(decor.Elapsed(decor.ET_STYLE_GO), decor.Any(func(decor.Statistics) string { return "  " + p.last.Load().(string) })))
	return p
}

// tell is audit.Options.Progress.
func (p *progress) tell(done, all int, what string) {
	if p.bar == nil {
		return
	}
	p.last.Store(what)
	p.bar.SetTotal(int64(all), false)
	p.bar.SetCurrent(int64(done))
}

// close takes the bar away before the report is written.
func (p *progress) close() {
	if p.bar == nil {
		return
	}
	p.bar.Abort(true)
	p.all.Wait()
}
