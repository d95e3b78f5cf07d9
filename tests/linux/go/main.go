// What Go's runtime asks of a kernel: threads, futexes, signals that take threads from their work,
// a heap in a large reservation, faults as panics, timers. It prints the same natively and inside.
package main

import (
	"crypto/sha256"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"runtime/debug"
	"sort"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

type node struct {
	left, right *node
	value       int
}

func tree(depth int) *node {
	if depth == 0 {
		return &node{value: 1}
	}
	return &node{tree(depth - 1), tree(depth - 1), depth}
}

func (n *node) sum() int {
	if n == nil {
		return 0
	}
	return n.value + n.left.sum() + n.right.sum()
}

func channels() {
	numbers, sums := make(chan int), make(chan int)
	var crew sync.WaitGroup
	for i := 0; i < 50; i++ {
		crew.Add(1)
		go func() {
			defer crew.Done()
			sum := 0
			for n := range numbers {
				sum += n
			}
			sums <- sum
		}()
	}
	go func() {
		for i := 1; i <= 10000; i++ {
			numbers <- i
		}
		close(numbers)
		crew.Wait()
		close(sums)
	}()
	total := 0
	for sum := range sums {
		total += sum
	}
	fmt.Println("channels:", total)
}

func garbage() {
	var crew sync.WaitGroup
	var total int64
	for i := 0; i < 8; i++ {
		crew.Add(1)
		go func() {
			defer crew.Done()
			for k := 0; k < 10; k++ {
				atomic.AddInt64(&total, int64(tree(12).sum()))
			}
		}()
	}
	crew.Wait()
	runtime.GC()
	debug.FreeOSMemory()
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	fmt.Println("garbage:", total, memory.NumGC > 1)
}

func hashes() {
	words := map[string]int{}
	for i := 0; i < 20000; i++ {
		words[fmt.Sprintf("word %d", i*7919%20011)] = i
	}
	keys := make([]string, 0, len(words))
	for key := range words {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	fmt.Printf("hash: %x\n", sha256.Sum256([]byte(strings.Join(keys, ","))))
}

func panics() {
	defer func() { fmt.Println("recovered:", recover()) }()
	var none *node
	fmt.Println(none.value)
}

func timers() {
	ticker := time.NewTicker(2 * time.Millisecond)
	for i := 0; i < 5; i++ {
		<-ticker.C
	}
	ticker.Stop()
	select {
	case <-time.After(5 * time.Millisecond):
		fmt.Println("timers: in time")
	case <-make(chan int):
	}
	start := time.Now()
	time.Sleep(20 * time.Millisecond)
	fmt.Println("slept:", time.Since(start) >= 20*time.Millisecond)
}

func locked() {
	done := make(chan int)
	for i := 0; i < 10; i++ {
		go func(i int) {
			runtime.LockOSThread()
			time.Sleep(time.Duration(10-i) * time.Millisecond)
			done <- i
		}(i)
	}
	sum := 0
	for i := 0; i < 10; i++ {
		sum += <-done
	}
	fmt.Println("threads of their own:", sum)
}

// The collector stops all: who spins is taken from it by a signal, which needs preemption.
func spins() {
	var stop int32
	done := make(chan bool)
	for i := 0; i < 3; i++ {
		go func() {
			for atomic.LoadInt32(&stop) == 0 {
			}
			done <- true
		}()
	}
	time.Sleep(5 * time.Millisecond)
	runtime.GC()
	atomic.StoreInt32(&stop, 1)
	for i := 0; i < 3; i++ {
		<-done
	}
	fmt.Println("spun")
}

// What io.Copy does between two connections: first by the kernel (splice), then by itself.
func relays() {
	front, _ := net.Listen("tcp", "127.0.0.1:0")
	back, _ := net.Listen("tcp", "127.0.0.1:0")
	go func() {
		to, _ := back.Accept()
		n, err := io.Copy(io.Discard, to)
		fmt.Fprintln(to, n, err)
		to.Close()
	}()
	go func() {
		from, _ := front.Accept()
		to, _ := net.Dial("tcp", back.Addr().String())
		go func() {
			io.Copy(to, from)
			to.(*net.TCPConn).CloseWrite()
		}()
		io.Copy(from, to)
		from.Close()
	}()
	client, _ := net.Dial("tcp", front.Addr().String())
	client.Write(make([]byte, 3000000))
	client.(*net.TCPConn).CloseWrite()
	answer, err := io.ReadAll(client)
	fmt.Printf("relayed: %q %v\n", answer, err)
}

func large() {
	block := make([]byte, 64<<20)
	for i := 0; i < len(block); i += 4096 {
		block[i] = 1
	}
	fmt.Println("large:", len(block), block[4096], block[1])
}

func main() {
	fmt.Println("arguments:", len(os.Args) > 0, runtime.GOOS)
	channels()
	garbage()
	hashes()
	panics()
	timers()
	locked()
	spins()
	relays()
	large()
}
