package drive

import (
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"crosswire/go/internal/connection"
	"crosswire/go/internal/grpctest"
	"crosswire/go/internal/service"
	"crosswire/go/pb"
)

type fields = map[string]any

var roundRobin = fields{"loadBalancingConfig": []any{fields{"round_robin": fields{}}}}

// forAllMethods returns a service config.
func forAllMethods(config fields) fields {
	config["name"] = []any{fields{}}
	return fields{"methodConfig": []any{config}}
}

// callThrough makes a call to the target through the channel.
func (s session) callThrough(t *testing.T, target string, channel fields) result {
	t.Helper()
	s.tell(callLine(t, fields{"id": 7, "target": target, "method": "pb.Outliers/Detect", "channel": channel}))
	return s.result(t)
}

func TestTheFirstAddressThatAnswersIsCalled(t *testing.T) {
	first, second := grpctest.Start(t, service.NewServer()), grpctest.Start(t, service.NewServer())
	refusing := grpctest.ClosedAddress(t)
	session := startSession(t)
	for range 3 {
		got := session.callThrough(t, refusing, fields{"addresses": []string{refusing, first.Address, second.Address}})
		if got.Status.Code != 0 {
			t.Fatalf("status = %+v, want OK", got.Status)
		}
	}
	if first.Accepted.Load() != 1 || second.Accepted.Load() != 0 {
		t.Errorf("%d and %d connections, want 1 and none", first.Accepted.Load(), second.Accepted.Load())
	}
}

func TestRoundRobin(t *testing.T) {
	var addresses []string
	called := make(chan int, 1)
	for index := range 2 {
		addresses = append(addresses, anything(t, func(grpc.ServerStream) error {
			called <- index
			return status.Error(codes.Aborted, "seen")
		}).Address)
	}
	channel := fields{"addresses": addresses, "service_config": roundRobin}
	session := startSession(t)
	call := func() int {
		t.Helper()
		if got := session.callThrough(t, addresses[0], channel); codes.Code(got.Status.Code) != codes.Aborted {
			t.Fatalf("status = %+v, want ABORTED", got.Status)
		}
		return <-called
	}
	// Until the second connection is there, the first has all calls.
	for first := call(); call() == first; {
	}
	if got := []int{call(), call(), call(), call()}; got[0] == got[1] || !slices.Equal(got[:2], got[2:]) {
		t.Errorf("the servers called = %v, want turns", got)
	}
}

func TestTheTargetIsTheAuthorityOfItsAddresses(t *testing.T) {
	authority := grpctest.NewAuthority(t)
	const target = "other.test:1"
	cases := []struct {
		name   string
		server grpc.ServerOption
		tls    any
		want   string
	}{
		{"plaintext", grpc.EmptyServerOption{}, nil, target},
		{"TLS", serving(t, authority.Issue(t, "other.test")), fields{"ca": authority.Path}, target},
		{"TLS with a name", serving(t, authority.Issue(t, "crosswire.test")),
			fields{"ca": authority.Path, "server_name": "crosswire.test"}, "crosswire.test"},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			var authorities []string
			server := grpctest.Start(t, grpc.NewServer(test.server, grpc.UnknownServiceHandler(
				func(_ any, stream grpc.ServerStream) error {
					received, _ := metadata.FromIncomingContext(stream.Context())
					authorities = received.Get(":authority")
					return nil
				},
			)))
			got := driveOne(t, fields{
				"target": target, "method": "FibonacciService/StreamSequence", "tls": test.tls,
				"channel": fields{"addresses": []string{grpctest.ClosedAddress(t), server.Address}},
			})
			if got.Status.Code != 0 || !slices.Equal(authorities, []string{test.want}) {
				t.Errorf("status %+v, :authority %q, want OK and %q", got.Status, authorities, test.want)
			}
		})
	}
}

func TestCallsWithEqualChannelsShareOneConnection(t *testing.T) {
	server := grpctest.Start(t, service.NewServer())
	cases := []struct {
		channel     string
		connections int64
	}{
		{`null`, 1},
		{`{}`, 1},
		{fmt.Sprintf(`{"addresses":[%q],"service_config":{"a":1,"b":2}}`, server.Address), 2},
		{fmt.Sprintf(`{"service_config":{"b":2,"a":1},"addresses":[%q]}`, server.Address), 2},
		{`{"service_config":{"a":1,"b":2}}`, 3},
		{`{"keepalive_time_ms":10000}`, 4},
		{`{"keepalive_timeout_ms":10000}`, 5},
	}
	session := startSession(t)
	for _, test := range cases {
		session.tell(fmt.Sprintf(`{"call":{"id":1,"target":%q,"method":"pb.Outliers/Detect",`+
			`"send":[{"message":""},{"half_close":true}],"channel":%s}}`, server.Address, test.channel))
		if got := session.result(t); got.Status.Code != 0 {
			t.Fatalf("%s: status = %+v, want OK", test.channel, got.Status)
		}
		if got := server.Accepted.Load(); got != test.connections {
			t.Errorf("%s: %d connections, want %d", test.channel, got, test.connections)
		}
	}
	session.tell(closeLine(t, server.Address))
	for range server.Accepted.Load() {
		<-server.Left
	}
}

func TestCallsAreRetriedAsTheServiceConfigSays(t *testing.T) {
	policy := fields{
		"maxAttempts": 3, "initialBackoff": "0.01s", "maxBackoff": "0.01s", "backoffMultiplier": 1,
		"retryableStatusCodes": []string{"UNAVAILABLE"},
	}
	cases := []struct {
		name    string
		channel fields
		want    []string
	}{
		{"no channel", nil, []string{""}},
		{"no policy", fields{"service_config": forAllMethods(fields{})}, []string{""}},
		{"a policy", fields{"service_config": forAllMethods(fields{"retryPolicy": policy})}, []string{"", "1", "2"}},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			var previous []string
			server := anything(t, func(stream grpc.ServerStream) error {
				received, _ := metadata.FromIncomingContext(stream.Context())
				previous = append(previous, strings.Join(received.Get("grpc-previous-rpc-attempts"), ","))
				if err := stream.RecvMsg(&pb.OutliersRequest{}); err != nil {
					return err
				}
				return status.Error(codes.Unavailable, "not now")
			})
			got := driveOne(t, fields{"target": server.Address, "method": "pb.Outliers/Detect", "channel": test.channel})
			if codes.Code(got.Status.Code) != codes.Unavailable || !slices.Equal(previous, test.want) {
				t.Errorf("status %+v after attempts %q, want UNAVAILABLE and %q", got.Status, previous, test.want)
			}
			if got.Steps != 2 {
				t.Errorf("%d steps, want 2", got.Steps)
			}
		})
	}
}

func TestACallWaitsForItsServer(t *testing.T) {
	target := grpctest.ClosedAddress(t)
	session := startSession(t)
	waiting := fields{"service_config": forAllMethods(fields{"waitForReady": true})}
	session.tell(callLine(t, fields{"id": 1, "target": target, "method": "pb.Outliers/Detect", "channel": waiting}))
	// One that does not wait says that nobody listens there yet.
	if got := session.callThrough(t, target, nil); got.ID != "7" || codes.Code(got.Status.Code) != codes.Unavailable {
		t.Errorf("result = %+v, want that of call 7, UNAVAILABLE", got)
	}
	grpctest.StartOn(t, service.NewServer(), grpctest.Listen(t, "tcp", target))
	if got := session.result(t); got.ID != "1" || got.Status.Code != 0 {
		t.Errorf("result = %+v, want that of call 1, OK", got)
	}
}

func TestTargetsThatAreNotIPv4(t *testing.T) {
	cases := []struct {
		name   string
		listen func() net.Listener
	}{
		{"unix", func() net.Listener { return grpctest.Listen(t, "unix", filepath.Join(t.TempDir(), "a b%25.sock")) }},
		{"ipv6", func() net.Listener { return grpctest.ListenIPv6(t) }},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			server := grpctest.StartOn(t, service.NewServer(), test.listen())
			if got := driveOne(t, fields{"target": server.Address, "method": "pb.Outliers/Detect"}); got.Status.Code != 0 {
				t.Errorf("%s: status = %+v, want OK", server.Address, got.Status)
			}
		})
	}
}

func TestAUnixSocketWithTLS(t *testing.T) {
	authority := grpctest.NewAuthority(t)
	server := grpctest.StartOn(t, service.NewServer(serving(t, authority.Issue(t, "crosswire.test"))),
		grpctest.Listen(t, "unix", filepath.Join(t.TempDir(), "server.sock")))
	got := driveOne(t, fields{"target": server.Address, "method": "pb.Outliers/Detect",
		"tls": fields{"ca": authority.Path, "server_name": "crosswire.test"}})
	if got.Status.Code != 0 {
		t.Errorf("status = %+v, want OK", got.Status)
	}
}

func TestReadChannel(t *testing.T) {
	cases := []struct {
		text string
		want connection.Options
	}{
		{``, connection.Options{}},
		{`null`, connection.Options{}},
		{`{"addresses":["127.0.0.1:1","[::1]:2"],"keepalive_time_ms":10000,"keepalive_timeout_ms":1000}`, connection.Options{
			Addresses: []string{"127.0.0.1:1", "[::1]:2"}, KeepaliveTime: 10 * time.Second, KeepaliveTimeout: time.Second}},
		{`{"service_config":{"b":{"d":1,"c":"2"},"a":[]}}`, connection.Options{ServiceConfig: `{"a":[],"b":{"c":"2","d":1}}`}},
	}
	for _, test := range cases {
		t.Run(test.text, func(t *testing.T) {
			got, err := readChannel([]byte(test.text))
			if err != nil || fmt.Sprintf("%#v", got) != fmt.Sprintf("%#v", test.want) {
				t.Errorf("readChannel() = %#v, %v, want %#v", got, err, test.want)
			}
		})
	}
}

func TestChannelThatCannotBeUsed(t *testing.T) {
	cases := []struct {
		channel fields
		want    string
	}{
		{fields{"proxy": "x"}, `channel: json: unknown field "proxy"`},
		{fields{"addresses": []string{"unix:/x"}}, `channel: addresses: "unix:/x" is not HOST:PORT`},
		{fields{"keepalive_time_ms": 0}, "channel: keepalive_time_ms: is at least 1"},
		{fields{"keepalive_timeout_ms": -1}, "channel: keepalive_timeout_ms: is at least 1"},
		{fields{"service_config": []any{}}, "connect to 127.0.0.1:1: grpc: the provided default service config is invalid: "},
	}
	for _, test := range cases {
		t.Run(test.want, func(t *testing.T) {
			answers, _ := drive(t, callLine(t, fields{
				"id": 1, "target": "127.0.0.1:1", "method": "pb.Outliers/Detect", "channel": test.channel,
			}))
			if len(answers) != 1 || answers[0].Unsupported == nil || !strings.HasPrefix(answers[0].Unsupported.Why, test.want) {
				t.Errorf("answers = %+v, want unsupported: %s", answers, test.want)
			}
		})
	}
}
