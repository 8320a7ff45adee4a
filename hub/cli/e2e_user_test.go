package cli

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os/exec"
	"strings"
	"testing"
)

// An operator makes, changes, shuts out and lets in a user, and the password is seen
// once or not at all.
func TestUsersAreManagedFromTheCommandLine(t *testing.T) {
	h := startHub(t)
	operator := as{hubProcess: h}
	agency := h.register("dazu-wlj", "大足文旅", "500111")
	logIn := func(password string) int {
		t.Helper()
		body, _ := json.Marshal(map[string]string{"user": "dazu.lin", "password": password})
		res, err := http.Post(h.url+"/v1/session", "application/json", bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		return res.StatusCode
	}
	var made struct{ User, Password string }
	operator.mustJSON(&made, "admin", "user", "add", "--id", "dazu.lin", "--name", "林", "--role", "steward", "--agency", "dazu-wlj")
	if made.User != "dazu.lin" || logIn(made.Password) != http.StatusCreated {
		t.Fatalf("made %+v", made)
	}
	var changed struct{ Role, Clearance, Name string }
	operator.mustJSON(&changed, "admin", "user", "set", "dazu.lin", "--role", "analyst", "--clearance", "sensitive")
	if changed.Role != "analyst" || changed.Clearance != "sensitive" || changed.Name != "林" {
		t.Errorf("changed to %+v", changed)
	}
	list := operator.must("admin", "user", "list", "--agency", "dazu-wlj")
	if !strings.Contains(list, "dazu.lin  dazu-wlj  林    analyst  sensitive  false     true") || strings.Contains(list, made.Password) {
		t.Errorf("list:\n%s", list)
	}
	operator.must("admin", "user", "disable", "dazu.lin", "--reason", "调离")
	if logIn(made.Password) != http.StatusUnauthorized {
		t.Error("a disabled user logs in")
	}
	operator.must("admin", "user", "enable", "dazu.lin")
	operator.must("admin", "user", "end-sessions", "dazu.lin")

	// A password of one's own comes by standard input and is not shown again.
	const own = "correct horse battery"
	cmd := exec.Command(h.bin, "admin", "user", "reset", "dazu.lin", "--password-stdin", "--data", h.data)
	cmd.Env, cmd.Stdin = h.env, strings.NewReader(own+"\n")
	out, err := cmd.CombinedOutput()
	if err != nil || strings.Contains(string(out), own) || logIn(own) != http.StatusCreated || logIn(made.Password) != http.StatusUnauthorized {
		t.Errorf("reset: %v %s", err, out)
	}
	text := operator.must("admin", "user", "reset", "dazu.lin")
	_, password, _ := strings.Cut(strings.TrimSpace(text), "password  ")
	if logIn(password) != http.StatusCreated {
		t.Errorf("reset: %s", text)
	}
	log := operator.must("admin", "log")
	for _, want := range []string{"user.create", "user.disable", "调离", "user.end_sessions", "user.password"} {
		if !strings.Contains(log, want) {
			t.Errorf("the audit record lacks %s:\n%s", want, log)
		}
	}
	for _, refused := range []struct {
		who  as
		code int
		args string
	}{
		{operator, exitUsage, "add --id dazu.wu"}, {operator, exitUsage, "set dazu.lin"}, {operator, exitUsage, "reset"},
		{operator, exitRefused, "add --id dazu..wu --role viewer --agency dazu-wlj"}, {operator, exitRefused, "add --id dazu.wu --role viewer --clearance core --agency dazu-wlj"},
		{agency, exitDenied, "add --id dazu.wu --role viewer"}, {agency, exitDenied, "list"},
	} {
		if code, _, errs := refused.who.zida(append([]string{"admin", "user"}, strings.Fields(refused.args)...)...); code != refused.code {
			t.Errorf("%s: exit %d, want %d: %s", refused.args, code, refused.code, errs)
		}
	}
}
