package config_test

import "testing"

func TestAdminOthers(t *testing.T) {
	for text, want := range map[string]string{
		"admin: {listen: \"0.0.0.0:9180\", allow_others: Prometheus in the cluster, hosts: [door-a]}": "",
		"admin: {listen: \"0.0.0.0:9180\", allow_others: ' '}":                                        `panoply.yaml:1:17: admin.listen: is "0.0.0.0:9180", must be a loopback address or off; write 127.0.0.1:9180, and fetch it through SSH or an agent on this machine; admin.allow_others: REASON lets others read it`,
		"admin: {allow_others: why}":        `panoply.yaml:1:23: admin.allow_others: has no effect while admin.listen is a loopback address; remove one of the two`,
		"admin: {hosts: [door-a]}":          `panoply.yaml:1:17: admin.hosts[0]: has no effect without admin.allow_others`,
		"admin: {hosts: [\"door-a:9180\"]}": `panoply.yaml:1:17: admin.hosts[0]: is "door-a:9180", must be a host name in lower case, without a port`,
	} {
		if _, problems := load(t, text, nil); problems != want {
			t.Errorf("Load(%q) = %s, want %s", text, problems, want)
		}
	}
}
