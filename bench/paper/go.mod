module paper

go 1.19
