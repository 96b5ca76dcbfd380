package packaging_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/panoplysec/panoply/internal/need"
)

// unit reads the settings of a unit, each with its values in order.
func unit(t *testing.T, name string) map[string][]string {
	t.Helper()
	settings := map[string][]string{}
	for line := range strings.Lines(text(t, name)) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' || line[0] == '[' {
			continue
		}
		key, value, ok := strings.Cut(line, "=")
		if !ok {
			t.Errorf("%s: %q is no setting", name, line)
		}
		settings[key] = append(settings[key], value)
	}
	return settings
}

func TestUnitIsHardened(t *testing.T) {
	settings := unit(t, "panoply.service")
	for _, want := range []string{
		"User=panoply", "StateDirectory=panoply", "StateDirectoryMode=0700", "LogsDirectory=panoply", "LogsDirectoryMode=0750", "UMask=0077", "LimitNOFILE=1048576",
		"AmbientCapabilities=CAP_NET_BIND_SERVICE", "CapabilityBoundingSet=CAP_NET_BIND_SERVICE", "NoNewPrivileges=yes",
		"ProtectSystem=strict", "ProtectHome=yes", "PrivateTmp=yes", "PrivateDevices=yes", "ProtectClock=yes", "ProtectControlGroups=yes",
		"ProtectHostname=yes", "ProtectKernelLogs=yes", "ProtectKernelModules=yes", "ProtectKernelTunables=yes", "ProtectProc=invisible",
		// Without netlink the door cannot look for a way around itself, and says nothing.
		"RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK",
		"RestrictNamespaces=yes", "RestrictRealtime=yes", "RestrictSUIDSGID=yes", "LockPersonality=yes", "MemoryDenyWriteExecute=yes",
		"SystemCallArchitectures=native", "SystemCallFilter=@system-service", "SystemCallFilter=~@privileged @resources", "Restart=on-failure", "StartLimitIntervalSec=0",
	} {
		key, value, _ := strings.Cut(want, "=")
		if !slices.Contains(settings[key], value) {
			t.Errorf("%s is %q, want %q", key, settings[key], value)
		}
	}
	if slices.Contains(settings["ReadWritePaths"], "/") || settings["ExecStartPre"] != nil {
		t.Error("the unit writes or runs more than the door needs")
	}
}

func TestUnitRunsWhatTheProgramKnows(t *testing.T) {
	config := configuration(t, text(t, "panoply.yaml"))
	settings := unit(t, "panoply.service")
	for _, key := range []string{"ExecStart", "ExecReload"} {
		if len(settings[key]) != 1 {
			t.Fatalf("%s = %q, want one line", key, settings[key])
		}
		args := strings.Fields(settings[key][0])
		if args[0] != "/usr/bin/panoply" || !slices.Contains(args, "/etc/panoply/panoply.yaml") {
			t.Errorf("%s = %q, want the program and the configuration of the package", key, args)
		}
		understood(t, args[1:], config)
	}
	// The state folder is what the door takes when nothing names one.
	if want := []string{"XDG_STATE_HOME=/var/lib", "GOTRACEBACK=crash"}; !slices.Equal(settings["Environment"], want) {
		t.Errorf("Environment = %q, want %q", settings["Environment"], want)
	}
	// A manager that does not know the second takes the first.
	if want := []string{"notify", "notify-reload"}; !slices.Equal(settings["Type"], want) || settings["NotifyAccess"] != nil {
		t.Errorf("Type = %q, NotifyAccess = %q, want %q and only the door to be heard", settings["Type"], settings["NotifyAccess"], want)
	}
	if settings["WatchdogSec"] == nil || slices.Contains(settings["RestartPreventExitStatus"], "SIGABRT") {
		t.Error("a door that is stuck is not started again")
	}
}

// TestSocketIsTheDoors starts no door, which would ask for a port below 1024: cli's
// TestSocketActivation does with another.
func TestSocketIsTheDoors(t *testing.T) {
	settings := unit(t, "panoply.socket")
	if want := []string{"panoply.service"}; !slices.Equal(settings["Service"], want) {
		t.Errorf("Service = %q, want %q", settings["Service"], want)
	}
	config := filepath.Join(t.TempDir(), "panoply.yaml")
	text := "upstream: 127.0.0.1:3000\nsites: [shop.example]\nlisten: \"" + settings["ListenStream"][0] + "\"\ntls: {certificates: [{cert: c.pem, key: k.pem}]}\n"
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, said := panoply("validate", "--config", config); strings.Contains(said, "listen") {
		t.Errorf("the address of the socket is none of the configuration: %s", said)
	}
}

func TestSystemdTakesTheUnit(t *testing.T) {
	analyze := need.Program(t, "systemd-analyze")
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	// Verify wants the program to be there.
	dir := t.TempDir()
	for _, name := range []string{"panoply.service", "panoply.socket"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(strings.ReplaceAll(text(t, name), "/usr/bin/panoply", program)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(dir, "panoply.service")
	out := command(t, "", nil, analyze, "verify", "--man=no", path, filepath.Join(dir, "panoply.socket"))
	for line := range strings.Lines(out) {
		// Before 253, which is what the line above it is for.
		if strings.Contains(line, "panoply.") && !strings.Contains(line, "ignoring: notify-reload") {
			t.Errorf("systemd-analyze verify says %s", line)
		}
	}
	// Of 100, which is no protection at all. What is left: the network is not private, and
	// the capability of low ports is there.
	command(t, "", nil, analyze, "security", "--offline=yes", "--threshold=17", path)
}
