package systemd

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
)

// firstFD is where the manager puts the first socket.
const firstFD = 3

// maxSockets bounds what LISTEN_FDS may say.
const maxSockets = 64

// A Socket is one that the manager listens on.
type Socket struct {
	// Name is FileDescriptorName of its .socket unit; without one that unit's name.
	Name string
	net.Listener
}

// Sockets returns the sockets that the manager has opened for this process, and takes
// what says so out of the environment. There are none where it was meant for another one.
func Sockets() ([]Socket, error) {
	names, err := parse(os.Getenv("LISTEN_PID"), os.Getenv("LISTEN_FDS"), os.Getenv("LISTEN_FDNAMES"), os.Getpid())
	for _, name := range []string{"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"} {
		_ = os.Unsetenv(name)
	}
	if err != nil {
		return nil, err
	}
	var all []Socket
	for i, name := range names {
		f := os.NewFile(uintptr(firstFD+i), name)
		if f == nil {
			err = fmt.Errorf("systemd: descriptor %d is not open", firstFD+i)
			break
		}
		var ln net.Listener
		ln, err = net.FileListener(f) // a copy that no child inherits
		_ = f.Close()
		if err != nil {
			err = fmt.Errorf("systemd: socket %q of the service manager is not one to listen on: %w", name, err)
			break
		}
		all = append(all, Socket{Name: name, Listener: ln})
	}
	if err == nil {
		return all, nil
	}
	for _, s := range all {
		_ = s.Close()
	}
	return nil, err
}

// parse returns the names of the sockets.
func parse(pid, count, names string, own int) ([]string, error) {
	if count == "" || pid != strconv.Itoa(own) {
		return nil, nil
	}
	n, err := strconv.Atoi(count)
	if err != nil || n < 0 || n > maxSockets {
		return nil, fmt.Errorf("systemd: LISTEN_FDS is %q, must be 0 to %d", oneLine(count), maxSockets)
	}
	all := make([]string, n)
	if names == "" {
		return all, nil
	}
	said := strings.Split(names, ":")
	if len(said) != n {
		return nil, fmt.Errorf("systemd: LISTEN_FDNAMES has %d names for %d sockets", len(said), n)
	}
	copy(all, said)
	return all, nil
}
