// Durable appends on Tessera's POSIX driver: closed loops, each answered once its entry is integrated and fsynced. Prints one
// JSON object with entries a second and latencies in ms.
package main

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"flag"
	"log"
	"os"
	"sort"
	"sync"
	"time"

	"github.com/transparency-dev/tessera"
	"github.com/transparency-dev/tessera/storage/posix"
	"golang.org/x/mod/sumdb/note"
)

const warmUp = time.Second

func main() {
	dir := flag.String("dir", "", "folder of the log")
	callers := flag.Int("callers", 512, "closed loops")
	size := flag.Int("bytes", 1300, "of an entry")
	duration := flag.Duration("duration", 5*time.Second, "measured time, after a second of warm-up")
	batch := flag.Uint("batch", tessera.DefaultBatchMaxSize, "entries in a batch, at most")
	age := flag.Duration("age", tessera.DefaultBatchMaxAge, "how long an entry waits for others, at most")
	flag.Parse()

	ctx := context.Background()
	appender, shutdown := open(ctx, *dir, *batch, *age, uint(max(4096, 2**callers)))
	from := time.Now().Add(warmUp)
	end := from.Add(*duration)
	var wait sync.WaitGroup
	latencies := make([][]float64, *callers)
	for i := range *callers {
		wait.Add(1)
		go func() {
			defer wait.Done()
			latencies[i] = call(ctx, appender, uint64(i), *size, from, end)
		}()
	}
	wait.Wait()
	report(latencies, time.Since(from))
	must(shutdown(ctx))
}

func open(ctx context.Context, dir string, batch uint, age time.Duration, waiting uint) (*tessera.Appender, func(context.Context) error) {
	secret, _, err := note.GenerateKey(rand.Reader, "log.example/peer")
	must(err)
	signer, err := note.NewSigner(secret)
	must(err)
	driver, err := posix.New(ctx, posix.Config{Path: dir})
	must(err)
	options := tessera.NewAppendOptions().WithCheckpointSigner(signer).WithCheckpointInterval(time.Second).
		WithBatching(batch, age).WithPushback(waiting)
	appender, shutdown, _, err := tessera.NewAppender(ctx, driver, options)
	must(err)
	return appender, shutdown
}

// call appends until end and returns the latencies of what began after from.
func call(ctx context.Context, appender *tessera.Appender, caller uint64, size int, from, end time.Time) []float64 {
	template := make([]byte, size)
	_, err := rand.Read(template)
	must(err)
	var latencies []float64
	for count := uint64(0); time.Now().Before(end); count++ {
		entry := append([]byte(nil), template...)
		binary.BigEndian.PutUint64(entry, caller<<32|count)
		start := time.Now()
		if _, err := appender.Add(ctx, tessera.NewEntry(entry))(); err != nil {
			time.Sleep(time.Millisecond) // pushed back: as a caller would
			continue
		}
		if start.After(from) {
			latencies = append(latencies, float64(time.Since(start).Microseconds())/1000)
		}
	}
	return latencies
}

func report(perCaller [][]float64, took time.Duration) {
	var all []float64
	for _, latencies := range perCaller {
		all = append(all, latencies...)
	}
	sort.Float64s(all)
	at := func(share float64) float64 {
		if len(all) == 0 {
			return 0
		}
		return all[int(share*float64(len(all)-1))]
	}
	result := map[string]float64{"count": float64(len(all)), "rate": float64(len(all)) / took.Seconds(), "p50": at(0.5), "p99": at(0.99)}
	must(json.NewEncoder(os.Stdout).Encode(result))
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
