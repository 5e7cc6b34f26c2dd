package drive

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"crosswire/go/internal/address"
	"crosswire/go/internal/connection"
)

// writtenChannel is a call's "channel".
type writtenChannel struct {
	Addresses              []string `json:"addresses"`
	ServiceConfig          any      `json:"service_config"`
	KeepaliveTimeMillis    *int64   `json:"keepalive_time_ms"`
	KeepaliveTimeoutMillis *int64   `json:"keepalive_timeout_ms"`
}

// readChannel reads what a call asks of its channel, if it asks for anything. Its
// error says what this client cannot do.
func readChannel(channel json.RawMessage) (connection.Options, error) {
	decoder := json.NewDecoder(bytes.NewReader(channel))
	// An option that this client does not know must not pass for none.
	decoder.DisallowUnknownFields()
	var written writtenChannel
	if err := decoder.Decode(&written); err != nil && !errors.Is(err, io.EOF) {
		return connection.Options{}, fmt.Errorf("channel: %w", err)
	}
	options, err := written.read()
	if err != nil {
		return connection.Options{}, fmt.Errorf("channel: %w", err)
	}
	return options, nil
}

func (w writtenChannel) read() (options connection.Options, err error) {
	for _, text := range w.Addresses {
		if _, ok := address.Parse(text); !ok {
			return options, fmt.Errorf("addresses: %q is not HOST:PORT", text)
		}
	}
	options.Addresses = w.Addresses
	if w.ServiceConfig != nil {
		// One text for equal configs: encoding/json sorts the fields.
		config, err := json.Marshal(w.ServiceConfig)
		if err != nil {
			return options, fmt.Errorf("service_config: %w", err)
		}
		options.ServiceConfig = string(config)
	}
	if options.KeepaliveTime, err = keepaliveMillis(w.KeepaliveTimeMillis); err != nil {
		return options, fmt.Errorf("keepalive_time_ms: %w", err)
	}
	if options.KeepaliveTimeout, err = keepaliveMillis(w.KeepaliveTimeoutMillis); err != nil {
		return options, fmt.Errorf("keepalive_timeout_ms: %w", err)
	}
	return options, nil
}

// keepaliveMillis returns zero if there is no time.
func keepaliveMillis(count *int64) (time.Duration, error) {
	if count == nil {
		return 0, nil
	}
	if *count < 1 {
		return 0, errors.New("is at least 1")
	}
	return milliseconds(*count), nil
}
