from proapi import ProAPI
app = ProAPI()

@app.websocket("/chat/{room}")
async def chat_room(websocket, room):
    await websocket.accept()
    await websocket.send_text(f"Welcome to room: {room}")
    while True:
        message = await websocket.receive_text()

if __name__ == "__main__":
    app.run()
