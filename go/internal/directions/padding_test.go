package directions

import (
	"bytes"
	"testing"

	"google.golang.org/protobuf/proto"

	"crosswire/go/pb"
)

func TestPad(t *testing.T) {
	// Of two bytes: the tag and the value.
	short := &pb.SequenceElement{Element: 1}
	cases := []struct {
		name string
		size int
		want int
	}{
		{"no padding", 0, 2},
		{"shorter than it is", 1, 2},
		{"as long as it is", 2, 2},
		{"an empty field", 5, 5},
		{"a byte", 6, 6},
		{"the longest length of one byte", 2 + 2 + 1 + 127, 132},
		{"the shortest length of two bytes", 2 + 2 + 2 + 128, 134},
		{"a message's limit", 4 << 20, 4 << 20},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			message := proto.CloneOf(short)
			if err := pad(message, test.size); err != nil {
				t.Fatalf("pad: %v", err)
			}
			serialized, err := proto.Marshal(message)
			if err != nil || len(serialized) != test.want {
				t.Fatalf("%d bytes, %v, want %d", len(serialized), err, test.want)
			}
			// Field 1000, length-delimited, after the message itself.
			if want := []byte{0x08, 1, 0xc2, 0x3e}; test.want > 2 && !bytes.HasPrefix(serialized, want) {
				t.Errorf("starts with % x, want % x", serialized[:4], want)
			}
			if message.GetElement() != 1 {
				t.Errorf("element = %d, want 1", message.GetElement())
			}
		})
	}
}

// No field has one or two bytes, nor a length between 127 of one byte and 128 of two.
func TestPadRefuses(t *testing.T) {
	cases := []struct {
		size int
		want string
	}{
		{3, "x-crosswire-size: 3: a message of 2 bytes cannot be made 1 bytes longer, which no field is; give another size"},
		{4, "x-crosswire-size: 4: a message of 2 bytes cannot be made 2 bytes longer, which no field is; give another size"},
		{133, "x-crosswire-size: 133: a message of 2 bytes cannot be made 131 bytes longer, which no field is; give another size"},
	}
	for _, test := range cases {
		err := pad(&pb.SequenceElement{Element: 1}, test.size)
		if want := "rpc error: code = InvalidArgument desc = " + test.want; err == nil || err.Error() != want {
			t.Errorf("pad to %d = %v, want %q", test.size, err, want)
		}
	}
}
