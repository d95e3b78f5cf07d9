// dials: a server of HTTP that knows the outside: /dial?to=HOST:PORT says what it was told there,
// /name?of=NAME what it looks up, / nothing; and a port of its own is reached raw, too.
package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync"
	"time"
)

var kept struct {
	sync.Mutex
	connection net.Conn
}

// What is written there, and what came back until its end.
func dial(w http.ResponseWriter, r *http.Request) {
	connection, err := net.DialTimeout("tcp", r.FormValue("to"), 5*time.Second)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	defer connection.Close()
	fmt.Fprint(connection, r.FormValue("say"))
	connection.(*net.TCPConn).CloseWrite()
	answer, err := io.ReadAll(connection)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	w.Write(answer)
}

// A connection that is kept from one request to the next.
func keep(w http.ResponseWriter, r *http.Request) {
	kept.Lock()
	defer kept.Unlock()
	if kept.connection == nil {
		connection, err := net.DialTimeout("tcp", r.FormValue("to"), 5*time.Second)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		kept.connection = connection
	}
	word := make([]byte, len(r.FormValue("say")))
	_, err := fmt.Fprint(kept.connection, r.FormValue("say"))
	if err == nil {
		_, err = io.ReadFull(kept.connection, word)
	}
	if err != nil {
		kept.connection = nil
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	w.Write(word)
}

func name(w http.ResponseWriter, r *http.Request) {
	addresses, err := net.LookupHost(r.FormValue("of"))
	fmt.Fprintln(w, addresses, err)
}

// As many bytes as are asked for, and back what is sent.
func size(w http.ResponseWriter, r *http.Request) {
	left, _ := strconv.Atoi(r.FormValue("n"))
	piece := make([]byte, 65536)
	for i := range piece {
		piece[i] = byte(i*31 + i>>8)
	}
	w.Header().Set("Content-Length", strconv.Itoa(left))
	for left > 0 {
		if left < len(piece) {
			piece = piece[:left]
		}
		count, err := w.Write(piece)
		if err != nil {
			return
		}
		left -= count
	}
}

func echo(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.Write(body)
}

func main() {
	if to := os.Getenv("AT_START"); to != "" {
		connection, err := net.DialTimeout("tcp", to, 5*time.Second)
		fmt.Println("at start:", err)
		kept.connection = connection
	}
	http.HandleFunc("/dial", dial)
	http.HandleFunc("/keep", keep)
	http.HandleFunc("/name", name)
	http.HandleFunc("/size", size)
	http.HandleFunc("/echo", echo)
	http.HandleFunc("/exit", func(http.ResponseWriter, *http.Request) { os.Exit(3) })
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "hello") })
	fmt.Println(http.ListenAndServe(":"+os.Getenv("PORT"), nil))
}
