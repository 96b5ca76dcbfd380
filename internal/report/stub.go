package report

import (
	"errors"
	"io"

	"github.com/panoplysec/panoply/audit"
)

var errSoon = errors.New("report: not built yet")

func HTML(io.Writer, *audit.Report, string) error { return errSoon }
