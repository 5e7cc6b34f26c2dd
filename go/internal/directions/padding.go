package directions

import (
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// paddingField is the number of the field that no message of ours has.
const paddingField protowire.Number = 1000

// pad makes the message so many bytes long when it is serialized, by an unknown
// field at its end, unless it is as long already. Its error is a status.
func pad(message proto.Message, size int) error {
	missing := size - proto.Size(message)
	if missing <= 0 {
		return nil
	}
	field, possible := padding(missing)
	if !possible {
		return status.Errorf(codes.InvalidArgument,
			"%s: %d: a message of %d bytes cannot be made %d bytes longer, which no field is; give another size",
			sizeEntry, size, size-missing, missing)
	}
	reflected := message.ProtoReflect()
	// The unknown fields are serialized last, as they are.
	reflected.SetUnknown(append(reflected.GetUnknown(), field...))
	return nil
}

// padding returns a field of zeros that is so many bytes long with its tag and its
// length. It is not possible if they alone are longer, nor if one more zero makes
// the length itself a byte longer.
func padding(size int) (field protoreflect.RawFields, possible bool) {
	tag := protowire.AppendTag(nil, paddingField, protowire.BytesType)
	for lengthSize := 1; lengthSize <= protowire.SizeVarint(uint64(size)); lengthSize++ {
		zeros := size - len(tag) - lengthSize
		if zeros >= 0 && protowire.SizeVarint(uint64(zeros)) == lengthSize {
			return protowire.AppendBytes(tag, make([]byte, zeros)), true
		}
	}
	return nil, false
}
