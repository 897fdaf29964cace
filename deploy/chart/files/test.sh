# Writes an endpoint that can't work, as a dry run: nothing is stored. $EXPECTED is the answer's code, 422 for a refusal.
# An installation may take a while to be called: the API servers learn of it one by one.
url="$API_SERVER/apis/modelplane.ai/v1alpha1/namespaces/$NAMESPACE/modelendpoints?dryRun=All"
endpoint='{"apiVersion":"modelplane.ai/v1alpha1","kind":"ModelEndpoint","metadata":{"generateName":"helm-test-"},"spec":{"url":"http://[::1"}}'
for attempt in 1 2 3 4 5 6; do
  answer=$(curl --silent --show-error --max-time 10 --cacert "$ACCOUNT/ca.crt" \
    --header "Authorization: Bearer $(cat "$ACCOUNT/token")" --header 'Content-Type: application/json' \
    --data "$endpoint" --write-out '\n%{http_code}' "$url" 2>&1)
  code=$(printf '%s' "$answer" | tail -n 1)
  echo "attempt $attempt: $answer"
  case "$code" in
    422) case "$answer" in *url-syntax*) refused=422 ;; *) refused=schema ;; esac ;;
    404) echo "There is no ModelEndpoint in this cluster yet: install Modelplane, then run the test again."; exit 1 ;;
    *) refused=$code ;;
  esac
  [ "$refused" = "$EXPECTED" ] && exit 0
  sleep 5
done
echo "The answer should have been $EXPECTED. Look at the pods and the log of the webhook."
exit 1
