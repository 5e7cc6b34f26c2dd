package address

import "testing"

func TestCheck(t *testing.T) {
	for _, text := range []string{"127.0.0.1:9999", "[::1]:0", "localhost:65535", "example.org:80"} {
		t.Run(text, func(t *testing.T) {
			if err := Check(text, ""); err != nil {
				t.Errorf("Check(%q) = %v, want no error", text, err)
			}
		})
	}
}

func TestCheckRefuses(t *testing.T) {
	texts := []string{"", "abc", ":9999", "localhost:", "localhost:http", "localhost:65536", "localhost:-1", "localhost:+1", "::1:9999", "[::1]"}
	for _, text := range texts {
		t.Run(text, func(t *testing.T) {
			if err := Check(text, "localhost:1"); err == nil {
				t.Errorf("Check(%q) gave no error, want one", text)
			}
		})
	}
}
