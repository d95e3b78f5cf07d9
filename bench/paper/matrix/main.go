// matrix: the product of two matrices of 1024 × 1024.
package main

import (
	"fmt"
	"net/http"

	"paper/serve"
)

const size = 1024

type matrix [size][size]float64

// multiply takes four rows of b at a time, so that a row of c is read and written a fourth as often.
func multiply(a, b, c *matrix) {
	for i := range a {
		sum := &c[i]
		for k := 0; k < size; k += 4 {
			f0, f1, f2, f3 := a[i][k], a[i][k+1], a[i][k+2], a[i][k+3]
			b0, b1, b2, b3 := &b[k], &b[k+1], &b[k+2], &b[k+3]
			for j := range sum {
				sum[j] += f0*b0[j] + f1*b1[j] + f2*b2[j] + f3*b3[j]
			}
		}
	}
}

func main() {
	serve.Main(func(w http.ResponseWriter, r *http.Request) {
		a, b, c := new(matrix), new(matrix), new(matrix)
		for i := range a {
			for j := range a[i] {
				a[i][j], b[i][j] = float64(i-j), float64(i+j)
			}
		}
		multiply(a, b, c)
		fmt.Fprint(w, c[3][5], " ", c[1023][1000])
	})
}
