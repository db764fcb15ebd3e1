package codextest

import (
	"os"
	"strings"
	"testing"
)

const key = "sk-test-codextest-0001"

func TestLoginAndStatus(t *testing.T) {
	for name, h := range map[string]func(testing.TB) *Home{"new": New, "old": NewOld} {
		t.Run(name, func(t *testing.T) {
			h := h(t)
			if in, said := h.LoggedIn(t); in {
				t.Fatalf("an empty home is signed in: %s", said)
			}
			h.Login(t, key)
			if in, said := h.LoggedIn(t); !in {
				t.Fatalf("not signed in after login: %s", said)
			}
			got, err := os.ReadFile(h.Path("auth.json"))
			if err != nil || !strings.Contains(string(got), key) {
				t.Errorf("auth.json: %v, %d bytes, without the key", err, len(got))
			}
		})
	}
}

func TestEnvironmentIsIsolated(t *testing.T) {
	t.Setenv("OPENAI_API_KEY", "sk-test-of-the-caller")
	h := &Home{Dir: "d", base: "b"}
	for _, line := range h.environment() {
		if strings.Contains(line, "sk-test-of-the-caller") {
			t.Errorf("the caller's environment reaches Codex: %s", line)
		}
	}
}

func TestConfigureIsObeyed(t *testing.T) {
	h := New(t)
	h.Configure(t, `cli_auth_credentials_store = "no-such-mode"`+"\n")
	if r := h.Run(t, "", "login", "status"); r.Code == 0 || !strings.Contains(r.Stderr, "no-such-mode") {
		t.Errorf("a wrong mode: exit %d\n%s", r.Code, r.Stderr)
	}
}
