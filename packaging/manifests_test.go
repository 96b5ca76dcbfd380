package packaging_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

// node is a mapping of a YAML document.
type node = map[string]any

// documents reads all the documents of a file.
func documents(t *testing.T, name string) []node {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var all []node
	for dec := yaml.NewDecoder(f); ; {
		var n node
		if err := dec.Decode(&n); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		all = append(all, n)
	}
}

// at returns what stands under the keys, or nil.
func at(n any, keys ...string) any {
	for _, key := range keys {
		m, ok := n.(node)
		if !ok {
			return nil
		}
		n = m[key]
	}
	return n
}

func texts(list any) []string {
	items, _ := list.([]any)
	var all []string
	for _, item := range items {
		all = append(all, fmt.Sprint(item))
	}
	return all
}

// same fails unless what stands under the keys is want.
func same(t *testing.T, where string, n any, want any, keys ...string) {
	t.Helper()
	if got := at(n, keys...); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%s: %s = %v, want %v", where, strings.Join(keys, "."), got, want)
	}
}

func TestCompose(t *testing.T) {
	doc := documents(t, "compose.yaml")[0]
	config := configuration(t, at(doc, "configs", "panoply", "content").(string))
	valid(t, config)
	doors := 0
	services := at(doc, "services").(node)
	for name, service := range services {
		same(t, name, service, true, "read_only")
		same(t, name, service, "[ALL]", "cap_drop")
		same(t, name, service, "[no-new-privileges:true]", "security_opt")
		for _, secret := range texts(at(service, "secrets")) {
			if at(doc, "secrets", secret, "file") == nil {
				t.Errorf("%s wants the secret %s, which is not there", name, secret)
			}
		}
		if at(service, "image") != "panoply" {
			// A port of these would be a way around the doors.
			same(t, name, service, "[back]", "networks")
			same(t, name, service, nil, "ports")
			continue
		}
		doors++
		same(t, name, service, "65532:65532", "user")
		understood(t, texts(at(service, "command")), config)
		test := texts(at(service, "healthcheck", "test"))
		if len(test) < 3 || test[0] != "CMD" || test[1] != "/panoply" {
			t.Fatalf("%s: healthcheck %q, want CMD /panoply …: the image has no shell", name, test)
		}
		understood(t, test[2:], config)
	}
	same(t, "back", doc, true, "networks", "back", "internal")
	if want := fmt.Sprintf("instances: %d", doors); doors != 2 || !strings.Contains(text(t, config), want) {
		t.Errorf("%d doors, want 2 and %s", doors, want)
	}
	for _, file := range aFile.FindAllString(at(doc, "configs", "panoply", "content").(string), -1) {
		if at(doc, "secrets", filepath.Base(file)) == nil {
			t.Errorf("the configuration names %s, which is no secret of the file", file)
		}
	}
}

// manifests returns the documents of the folder by kind and name.
func manifests(t *testing.T) map[string]node {
	t.Helper()
	names, err := filepath.Glob("kubernetes/*.yaml")
	if err != nil || len(names) == 0 {
		t.Fatalf("no manifests: %v", err)
	}
	all := map[string]node{}
	for _, name := range names {
		if filepath.Base(name) == "kustomization.yaml" {
			continue // of kustomize, not of the cluster
		}
		for _, doc := range documents(t, name) {
			key := fmt.Sprintf("%v/%v", doc["kind"], at(doc, "metadata", "name"))
			if all[key] != nil || doc["apiVersion"] == nil {
				t.Errorf("%s: %s is there twice, or has no apiVersion", name, key)
			}
			all[key] = doc
		}
	}
	return all
}

// kubectl apply -k applies all files but the placeholder, which would undo the real secret.
func TestKustomization(t *testing.T) {
	names, err := filepath.Glob("kubernetes/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	listed := texts(documents(t, "kubernetes/kustomization.yaml")[0]["resources"])
	for _, name := range names {
		name = filepath.Base(name)
		if want := name != "secret.yaml" && name != "kustomization.yaml"; slices.Contains(listed, name) != want {
			t.Errorf("%s is applied: %t, want %t", name, !want, want)
		}
	}
}

func TestKubernetes(t *testing.T) {
	all := manifests(t)
	yaml := at(all["ConfigMap/panoply"], "data", "panoply.yaml").(string)
	config := configuration(t, yaml)
	valid(t, config)
	for _, workload := range []string{"Deployment/panoply", "StatefulSet/panoply-valkey"} {
		pod := at(all[workload], "spec", "template", "spec")
		same(t, workload, pod, true, "securityContext", "runAsNonRoot")
		same(t, workload, pod, "RuntimeDefault", "securityContext", "seccompProfile", "type")
		same(t, workload, pod, false, "automountServiceAccountToken")
		labels := at(all[workload], "spec", "template", "metadata", "labels")
		same(t, workload, all[workload], labels, "spec", "selector", "matchLabels")
		same(t, workload, all["NetworkPolicy/"+strings.SplitN(workload, "/", 2)[1]], labels, "spec", "podSelector", "matchLabels")
		for _, container := range at(pod, "containers").([]any) {
			same(t, workload, container, false, "securityContext", "allowPrivilegeEscalation")
			same(t, workload, container, true, "securityContext", "readOnlyRootFilesystem")
			same(t, workload, container, "[ALL]", "securityContext", "capabilities", "drop")
			if at(container, "resources", "limits", "memory") == nil {
				t.Errorf("%s has no limit of memory", workload)
			}
		}
	}

	deployment := all["Deployment/panoply"]
	same(t, "doors", deployment, 2, "spec", "replicas")
	if !strings.Contains(yaml, "instances: 2") {
		t.Error("limits.instances is not the number of doors")
	}
	pod := at(deployment, "spec", "template", "spec")
	same(t, "doors", pod, 65532, "securityContext", "runAsUser")
	door := at(pod, "containers").([]any)[0]
	understood(t, texts(at(door, "args")), config)
	for _, probe := range []string{"readinessProbe", "livenessProbe"} {
		args := texts(at(door, probe, "exec", "command"))
		if len(args) == 0 || args[0] != "/panoply" {
			t.Fatalf("%s = %q, want /panoply …: the image has no shell", probe, args)
		}
		understood(t, args[1:], config)
		// Killing a door because its application is away would help nobody.
		if live := slices.Contains(args, "--live"); live != (probe == "livenessProbe") {
			t.Errorf("%s = %q", probe, args)
		}
	}

	// Each file that the configuration names comes from a volume, and each key of the
	// secret is one that somebody reads.
	mounted := map[string]string{}
	for _, m := range at(door, "volumeMounts").([]any) {
		mounted[fmt.Sprint(at(m, "mountPath"))] = fmt.Sprint(at(m, "name"))
	}
	for _, file := range append(aFile.FindAllString(yaml, -1), "/etc/panoply/panoply.yaml") {
		if mounted[filepath.Dir(file)] == "" {
			t.Errorf("%s lies in no volume of %v", file, mounted)
		}
	}
	for key, value := range at(all["Secret/panoply"], "stringData").(node) {
		if value != "" {
			t.Errorf("the secret %s has a value that everybody knows", key)
		}
		if !strings.Contains(yaml, "/etc/panoply-secrets/"+key) {
			t.Errorf("nobody reads the secret %s", key)
		}
	}
	for _, policy := range []string{"NetworkPolicy/panoply-valkey", "NetworkPolicy/shop"} {
		from := at(at(all[policy], "spec", "ingress").([]any)[0], "from").([]any)
		if len(from) != 1 {
			t.Fatalf("%s lets in %v, want the doors alone", policy, from)
		}
		same(t, policy, from[0], at(deployment, "spec", "selector", "matchLabels"), "podSelector", "matchLabels")
	}
	same(t, "budget", all["PodDisruptionBudget/panoply"], 1, "spec", "maxUnavailable")
	same(t, "service", all["Service/panoply"], "Local", "spec", "externalTrafficPolicy")
}

// With the placeholders of secret.yaml no door starts.
func TestPlaceholdersStartNoDoor(t *testing.T) {
	config := configuration(t, at(manifests(t)["ConfigMap/panoply"], "data", "panoply.yaml").(string))
	if err := os.WriteFile(filepath.Join(filepath.Dir(config), "etc_panoply-secrets_install.key"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, stderr := panoply("serve", "--config", config, "--dry-run"); code != 2 || !strings.Contains(stderr, "install_key") {
		t.Errorf("serve with an empty key: exit %d, want 2\n%s", code, stderr)
	}
}
