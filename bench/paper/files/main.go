// files FOLDER: makes what the functions read: data.bin, 50 MiB that do not compress; archive.zip,
// ten files of 1 MiB that do, to about a third; own.bin, what scripts have as data of their own
// (../serve). The same bytes every time.
package main

import (
	"archive/zip"
	"bytes"
	"fmt"
	"log"
	"math/rand"
	"os"
	"path/filepath"
)

const mib = 1 << 20

func text(random *rand.Rand, size int) []byte {
	var data bytes.Buffer
	for data.Len() < size {
		fmt.Fprintf(&data, "sensor %d: %.1f degrees, door %t\n", random.Intn(50), random.Float64()*20, random.Intn(2) == 0)
	}
	return data.Bytes()[:size]
}

func archive(random *rand.Rand) ([]byte, error) {
	var data bytes.Buffer
	to := zip.NewWriter(&data)
	for i := 0; i < 10; i++ {
		file, err := to.Create(fmt.Sprintf("readings-%d.txt", i))
		if err != nil {
			return nil, err
		}
		if _, err = file.Write(text(random, mib)); err != nil {
			return nil, err
		}
	}
	err := to.Close()
	return data.Bytes(), err
}

func main() {
	random := rand.New(rand.NewSource(1))
	data := make([]byte, 50*mib)
	random.Read(data)
	packed, err := archive(random)
	own := append([]byte("own data 4 "+"KiB:\x00"), make([]byte, 4080)...)
	for name, bytes := range map[string][]byte{"data.bin": data, "archive.zip": packed, "own.bin": own} {
		if err == nil {
			err = os.WriteFile(filepath.Join(os.Args[1], name), bytes, 0o644)
		}
	}
	if err != nil {
		log.Fatal(err)
	}
}
