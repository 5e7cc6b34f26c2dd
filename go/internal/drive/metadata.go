package drive

import (
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
	"strings"

	"google.golang.org/grpc/metadata"
)

// The metadata whose values are bytes: base64 in JSON, plain in grpc-go's API.
const binarySuffix = "-bin"

// outgoing returns names and values in turns, in the order of the pairs, as
// metadata.AppendToOutgoingContext takes and sends them. (A metadata.MD would
// lose the order.)
func outgoing(pairs []pair) ([]string, error) {
	var words []string
	for _, entry := range pairs {
		name, value := entry[0], entry[1]
		if strings.HasSuffix(name, binarySuffix) {
			bytes, err := base64.StdEncoding.DecodeString(value)
			if err != nil {
				return nil, fmt.Errorf("metadata %s: %w", name, err)
			}
			value = string(bytes)
		}
		words = append(words, name, value)
	}
	return words, nil
}

// incoming returns the pairs of what the API showed. It keeps the order of a
// name's values only, so the names are sorted.
func incoming(shown metadata.MD) []pair {
	pairs := []pair{}
	for _, name := range slices.Sorted(maps.Keys(shown)) {
		for _, value := range shown[name] {
			if strings.HasSuffix(name, binarySuffix) {
				value = base64.StdEncoding.EncodeToString([]byte(value))
			}
			pairs = append(pairs, pair{name, value})
		}
	}
	return pairs
}
