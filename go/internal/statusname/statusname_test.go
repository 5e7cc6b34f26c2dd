package statusname

import (
	"encoding/json"
	"testing"

	"google.golang.org/grpc/codes"
)

// grpc-go knows the canonical names only to read them from JSON.
func TestOfIsWhatJSONReads(t *testing.T) {
	for code := codes.OK; code <= codes.Unauthenticated; code++ {
		var read codes.Code
		quoted := `"` + Of(code) + `"`
		if err := json.Unmarshal([]byte(quoted), &read); err != nil || read != code {
			t.Errorf("Of(%d) = %s, which is read as %v, %v", code, quoted, read, err)
		}
	}
}

func TestOfUnknownCodes(t *testing.T) {
	cases := []struct {
		code codes.Code
		want string
	}{
		{17, "CODE_17"},
		{4294967295, "CODE_4294967295"},
	}
	for _, test := range cases {
		if got := Of(test.code); got != test.want {
			t.Errorf("Of(%d) = %s, want %s", test.code, got, test.want)
		}
	}
}
