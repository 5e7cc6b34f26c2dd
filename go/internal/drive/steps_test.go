package drive

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestStepsThatMakeNoSense(t *testing.T) {
	cases := []struct {
		name, send, want string
	}{
		{"none", ``, "send: the last step neither half-closes nor cancels"},
		{"an empty list", `[]`, "send: the last step neither half-closes nor cancels"},
		{"no list", `{}`, "send: json: cannot unmarshal object"},
		{"an unknown step", `[{"sing":true}]`, `send: json: unknown field "sing"`},
		{"an empty step", `[{}]`, "send: step 1: is 0 things; give one"},
		{"two things at once", `[{"half_close":true,"cancel":true}]`, "send: step 1: is 2 things; give one"},
		{"no base64", `[{"pause_ms":1},{"message":"%"}]`, "send: step 2: message: illegal base64"},
		{"no times", `[{"message":"","times":0}]`, "send: step 1: times"},
		{"times of no message", `[{"half_close":true,"times":2}]`, "send: step 1: times"},
		{"no end", `[{"half_close":true},{"pause_ms":1}]`, "send: the last step neither half-closes nor cancels"},
		{"two half-closes", `[{"half_close":true},{"half_close":true}]`, "send: step 2: half-closes again"},
		{"a message too late", `[{"half_close":true},{"message":""}]`, "send: step 2: a message after the half-close"},
		{"a step too late", `[{"cancel":true},{"half_close":true}]`, "send: step 2: follows the cancellation"},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			if _, err := readSteps(json.RawMessage(test.send)); err == nil || !strings.HasPrefix(err.Error(), test.want) {
				t.Errorf("error = %v, want %q", err, test.want)
			}
		})
	}
}
