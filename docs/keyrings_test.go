package docs_test

import (
	"os"
	"regexp"
	"testing"

	"github.com/kinring/kinring"
)

// TestProfilesInKeyrings: the profiles that the document shows are profiles.
func TestProfilesInKeyrings(t *testing.T) {
	text, err := os.ReadFile("KEYRINGS.md")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile("(?s)```toml\n(.*?)```").FindAllSubmatch(text, -1)
	if len(found) == 0 {
		t.Fatal("the document shows none")
	}
	for i, block := range found {
		if _, err := kinring.ParseProfile("KEYRINGS.md", block[1]); err != nil {
			t.Errorf("profile %d: %v", i+1, err)
		}
	}
}
