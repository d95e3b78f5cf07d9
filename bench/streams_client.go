// streams_client PORT CLIENTS SECONDS: as many connections, on each one request after the other, for so
// long; prints requests, errors and the seconds that it took, as JSON. For bench/streams.py.
package main

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

var request = []byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n")

func serve(connection net.Conn, until time.Time, requests, errors *int64) {
	defer connection.Close()
	room := make([]byte, 4096)
	for time.Now().Before(until) {
		connection.SetDeadline(time.Now().Add(30 * time.Second))
		if _, err := connection.Write(request); err != nil {
			atomic.AddInt64(errors, 1)
			return
		}
		got := 0
		for {
			count, err := connection.Read(room[got:])
			got += count
			if err != nil {
				atomic.AddInt64(errors, 1)
				return
			}
			if at := bytes.Index(room[:got], []byte("\r\n\r\n")); at >= 0 {
				if got >= at+4+5 { // "hello"
					break
				}
			}
		}
		atomic.AddInt64(requests, 1)
	}
}

func main() {
	clients, _ := strconv.Atoi(os.Args[2])
	seconds, _ := strconv.ParseFloat(os.Args[3], 64)
	var requests, errors int64
	var all sync.WaitGroup
	var connections []net.Conn
	for i := 0; i < clients; i++ {
		connection, err := net.DialTimeout("tcp", "127.0.0.1:"+os.Args[1], 30*time.Second)
		if err != nil {
			errors++
			continue
		}
		connections = append(connections, connection)
	}
	begun := time.Now()
	until := begun.Add(time.Duration(seconds * float64(time.Second)))
	for _, connection := range connections {
		all.Add(1)
		go func(connection net.Conn) {
			defer all.Done()
			serve(connection, until, &requests, &errors)
		}(connection)
	}
	all.Wait()
	fmt.Printf("{\"requests\": %d, \"errors\": %d, \"seconds\": %f}\n", requests, errors,
		time.Since(begun).Seconds())
}
