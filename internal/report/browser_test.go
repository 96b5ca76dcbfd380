package report_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/panoplysec/panoply/audit"
	"github.com/panoplysec/panoply/internal/need"
	"github.com/panoplysec/panoply/internal/report"
)

// TestHTMLInABrowser opens the page in Chromium, wide and narrow, light, dark and
// printed: all practices are there, nothing is asked of anybody, no script ran, all text
// can be read, nothing sticks out, and print opens what is closed. PANOPLY_SHOTS names a
// folder for pictures of it.
func TestHTMLInABrowser(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a browser")
	}
	node := need.Program(t, "node")
	chromium := need.Program(t, "chromium", "chromium-browser", "google-chrome")
	modules := need.Modules(t, "puppeteer-core")
	for name, r := range map[string]*audit.Report{"full": full(), "hostile": hostile()} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			file := filepath.Join(dir, "report.html")
			if err := os.WriteFile(file, written(t, "html", r, report.Options{Version: "1.2.3"}), 0o600); err != nil {
				t.Fatal(err)
			}
			shots, pdf := "", ""
			if name == "full" { // the other one has hundreds of sheets
				pdf, shots = "1", os.Getenv("PANOPLY_SHOTS")
			}
			cmd := exec.CommandContext(t.Context(), node, filepath.Join("testdata", "page.mjs"), file)
			cmd.Env = []string{"NPM_MODULES=" + modules, "CHROMIUM=" + chromium, "PROFILE=" + filepath.Join(dir, "profile"), "HOME=" + dir, "PATH=" + os.Getenv("PATH"), "SHOTS=" + shots, "PDF=" + pdf}
			var noise bytes.Buffer
			cmd.Stderr = &noise
			said, err := cmd.Output()
			if err != nil {
				t.Fatalf("the browser: %v: %s", err, &noise)
			}
			var ways map[string]struct {
				Faint, Requests, Complaints []string
				Overflow, Scripts, Images   int
				Text, Background            string
				FixShown                    bool
				PDF                         int
			}
			if err := json.Unmarshal(said, &ways); err != nil {
				t.Fatal(err)
			}
			if len(ways) != 5 || ways["light"].Background == ways["dark"].Background || pdf != "" && ways["print"].PDF == 0 {
				t.Errorf("the browser saw %d ways, backgrounds %s and %s, a PDF of %d bytes", len(ways), ways["light"].Background, ways["dark"].Background, ways["print"].PDF)
			}
			for way, saw := range ways {
				for _, row := range r.Practices {
					if want := strings.Join(strings.Fields(row.Title), " "); name != "hostile" && !strings.Contains(saw.Text, want) {
						t.Errorf("%s: the practice %q is not on the page", way, want)
					}
				}
				if len(saw.Faint) > 0 {
					t.Errorf("%s: contrast below 4.5: %s", way, strings.Join(saw.Faint, "; "))
				}
				if len(saw.Requests) > 0 || len(saw.Complaints) > 0 || saw.Scripts > 0 || saw.Images > 0 {
					t.Errorf("%s: requests %q, complaints %q, %d scripts, %d images, want none", way, saw.Requests, saw.Complaints, saw.Scripts, saw.Images)
				}
				if saw.Overflow > 0 && way != "print" {
					t.Errorf("%s: %d pixels stick out", way, saw.Overflow)
				}
			}
			if !ways["print"].FixShown {
				t.Error("print: what is folded stays folded")
			}
		})
	}
}
